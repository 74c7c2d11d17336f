/** The document is valid, and says what is served. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { DIALECTS } from "../../lib/dialects.ts";
import { dialectsNamed } from "./dialects/dialects.ts";
import { openApiDocument } from "./openapi.ts";
import { routes } from "./rest/routes.ts";

const document = openApiDocument({ routes, publicUrl: "https://veche.example/" }) as {
  servers: { url: string }[];
  paths: Record<string, Record<string, { security: object[]; operationId: string }>>;
};

test("redocly finds nothing to complain about", () => {
  const directory = mkdtempSync(join(tmpdir(), "veche-openapi-"));
  try {
    const file = join(directory, "openapi.json");
    writeFileSync(file, JSON.stringify(openApiDocument({ routes, dialects: dialectsNamed(DIALECTS) })));
    const cli = join(
      dirname(createRequire(import.meta.url).resolve("@redocly/cli/package.json")),
      "bin/cli.js",
    );
    const report = execFileSync(
      process.execPath,
      // It compares paths whatever their method: see the next test.
      [
        cli,
        "lint",
        "--extends",
        "recommended",
        "--skip-rule",
        "no-ambiguous-paths",
        "--format",
        "json",
        file,
      ],
      {
        env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    expect(JSON.parse(String(report)).totals).toMatchObject({ errors: 0, warnings: 0 });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("no path is one of two routes, but for a fixed one that beats its like", () => {
  const both = (a: string[], b: string[]) =>
    a.length === b.length &&
    a.every((part, i) => part === b[i] || part.startsWith("{") || b[i]?.startsWith("{"));
  const withParams = routes.filter(({ path }) => path.includes("{"));
  for (const [i, route] of withParams.entries()) {
    for (const other of withParams.slice(i + 1)) {
      const ambiguous = both(route.path.split("/"), other.path.split("/"));
      expect([route.path, other.path, ambiguous && route.method === other.method]).toContain(false);
    }
  }
});

test("every route is in it, once", () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  expect(operations).toHaveLength(routes.length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
});

test("only open routes go without a token", () => {
  const open = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).some(({ security }) => security.length === 0) ? [path] : [],
  );
  expect(open.sort()).toEqual(["/v1/login", "/v1/refresh", "/v1/register"]);
});

test("a route that answers 201 says where what it made is", () => {
  for (const { status, location } of routes) expect(location !== undefined).toBe(status === 201);
});

test("the server is the public one", () => {
  expect(document.servers).toEqual([{ url: "https://veche.example" }]);
});

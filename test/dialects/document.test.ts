// docs/dialects.md says what there is, and its commands work.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { ActionName } from "../../lib/contract.ts";
import { DIALECTS } from "../../lib/dialects.ts";
import { contractOf } from "../../services/api/contracts.ts";
import { dialectsNamed } from "../../services/api/dialects/dialects.ts";
import { startEmbedded } from "../support/embedded.ts";

const text = readFileSync(new URL("../../docs/dialects.md", import.meta.url), "utf8");
const section = (title: string) => text.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";

test("its commands work as they are written", async () => {
  const [, script = ""] = text.match(/```sh\n([\s\S]*?)```/) ?? [];
  const veche = await startEmbedded();
  const cwd = mkdtempSync(join(tmpdir(), "veche-dialects-"));
  try {
    const here = script.replaceAll("localhost:3000", new URL(veche.baseUrl).host);
    const output = await new Promise<string>((resolve, reject) => {
      execFile("bash", ["-euc", here], { cwd, timeout: 20_000 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    expect(output).toMatch(
      /^\{"UID":\d+\}\{"RoomID":\d+\}\{"success":true.*"email":"olga@example.org".*\{"token":"/s,
    );
  } finally {
    rmSync(cwd, { recursive: true });
    await veche.stop();
  }
});

test("it has every path that a dialect serves", () => {
  for (const { name, routes } of dialectsNamed(DIALECTS)) {
    const known = section(name);
    for (const { path } of routes) {
      const last = path.split("/").findLast((part) => part !== "" && !part.startsWith("{"));
      expect([name, path, known.includes(`/${last}`)]).toEqual([name, path, true]);
    }
  }
});

test("every action that it names is there", () => {
  const named = [...text.matchAll(/`(v1\.\w+\.\w+)`/g)].map(([, action = ""]) => action);
  expect(named.length).toBeGreaterThan(40);
  // Whether it is one is what is tested.
  for (const action of named) expect(() => contractOf(action as ActionName)).not.toThrow();
});

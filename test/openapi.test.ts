// The document that a server hands out is well-formed, and what it answers is held against it.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { request, signUp } from "./support/http.ts";
import { AnswerCheck, fetchDocument, type OpenApi, operationsOf, Schemas } from "./support/openapi.ts";

let veche: Embedded;
let document: OpenApi;

beforeAll(async () => {
  veche = await startEmbedded();
  document = await fetchDocument(veche.baseUrl);
});
afterAll(() => veche.stop());

describe("the document", () => {
  test("has nothing that redocly complains about", async () => {
    const directory = await mkdtemp(join(tmpdir(), "veche-openapi-"));
    try {
      const file = join(directory, "openapi.json");
      await writeFile(file, JSON.stringify(document));
      const manifest = createRequire(import.meta.url).resolve("@redocly/cli/package.json");
      const { stdout } = await promisify(execFile)(
        process.execPath,
        // It compares paths whatever their method; services/api/openapi.test.ts does better.
        [
          ...[join(dirname(manifest), "bin/cli.js"), "lint", "--extends", "recommended"],
          ...["--skip-rule", "no-ambiguous-paths", "--format", "json", file],
        ],
        {
          cwd: directory,
          env: {
            ...process.env,
            REDOCLY_TELEMETRY: "off",
            REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
            CI: "true",
          },
        },
      ).catch((failure: { stdout: string }) => failure);
      const { problems } = JSON.parse(stdout) as { problems: { message: string; location: unknown }[] };
      expect(problems).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("has only schemas that compile", () => {
    const schemas = new Schemas(document);
    for (const schema of Object.values(document.components.schemas)) schemas.compile(schema);
    for (const { parameters, body, responses } of operationsOf(document)) {
      for (const { schema } of parameters) schemas.compile(schema);
      if (body) schemas.compile(body);
      for (const { content = {} } of [
        ...Object.values(responses),
        ...Object.values(document.components.responses),
      ]) {
        for (const { schema } of Object.values(content)) schemas.compile(schema);
      }
    }
  });

  test("has examples that its own schemas allow", () => {
    const schemas = new Schemas(document);
    for (const { key, body, example } of operationsOf(document)) {
      if (body && example !== undefined) expect([key, schemas.faultsOf(body, example)]).toEqual([key, []]);
    }
  });

  test("names the params of every path, and says of every route how it can be refused", () => {
    for (const { key, path, parameters, open, dialect, body, responses } of operationsOf(document)) {
      const inPath = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
      expect([key, inPath]).toEqual([key, path.match(/(?<=\{)[^}]+/g) ?? []]);
      const refusals = [
        ...(open ? [] : ["401"]),
        ...(body ? ["400", "413"] : []),
        // What a dialect gets is JSON, whatever it says that it is.
        ...(body && dialect === undefined ? ["415"] : []),
        "429",
        "500",
        "503",
        "504",
      ];
      expect([key, Object.keys(responses)]).toEqual([key, expect.arrayContaining(refusals)]);
    }
  });
});

describe("an answer is held against it, and complained about when", () => {
  const problem = {
    type: "about:blank",
    title: "Bad Request",
    status: 400,
    detail: "No.",
    code: "INVALID_ARGUMENT",
  };
  const profile = {
    ...{ id: "1", nickname: null, display_name: null, bio: null, avatar_url: null, first_name: null },
    ...{ last_name: null, gender: null, birthday: null, created_at_unix_ms: 1 },
  };
  const faultsOf = (
    [method, target]: [string, string],
    status: number,
    body: unknown,
    { type = "application/json", ...more }: Record<string, string> = {},
  ) => {
    const headers = new Headers({
      "x-request-id": "1",
      ...(body === null ? {} : { "content-type": type }),
      ...more,
    });
    return new AnswerCheck(document).faultsOf(method, target, { status, headers, body });
  };
  const GET: [string, string] = ["GET", "/v1/profile/1?x=1"];
  const LIST: [string, string] = ["GET", "/v1/users"];
  const DELETE: [string, string] = ["DELETE", "/v1/sessions/1"];
  const NOWHERE: [string, string] = ["GET", "/v1/nothing/at/all"];
  const asProblem = { type: "application/problem+json" };

  test("nothing is wrong: not at all", () => {
    expect(faultsOf(GET, 200, profile)).toEqual([]);
    expect(faultsOf(GET, 400, { ...problem, errors: [{ path: "id", message: "no" }] }, asProblem)).toEqual(
      [],
    );
    expect(faultsOf(LIST, 200, { results: [profile], next_cursor: null })).toEqual([]);
    expect(faultsOf(DELETE, 204, null)).toEqual([]);
    expect(faultsOf(NOWHERE, 404, { ...problem, status: 404 }, asProblem)).toEqual([]);
  });

  test.each<[string, () => string[]]>([
    ["the status is not documented", () => faultsOf(GET, 202, profile)],
    ["there is no such route, and yet it is served", () => faultsOf(NOWHERE, 200, {})],
    ["a property is missing", () => faultsOf(GET, 200, { ...profile, id: undefined })],
    ["a property is of another type", () => faultsOf(GET, 200, { ...profile, created_at_unix_ms: "1" })],
    ["a property is not documented", () => faultsOf(GET, 200, { ...profile, email: "a@example.com" })],
    [
      "so within a list",
      () => faultsOf(LIST, 200, { results: [{ ...profile, email: "a@b" }], next_cursor: null }),
    ],
    ["so in a problem", () => faultsOf(GET, 400, { ...problem, stack: "at" }, asProblem)],
    [
      "so in a problem's errors",
      () => faultsOf(GET, 400, { ...problem, errors: [{ path: "", message: "", x: 1 }] }, asProblem),
    ],
    ["a body is missing", () => faultsOf(GET, 200, null)],
    ["there is a body where none is documented", () => faultsOf(DELETE, 204, {})],
    ["the content type is another", () => faultsOf(GET, 200, profile, { type: "text/html" })],
    ["a problem says that it is JSON", () => faultsOf(GET, 400, problem)],
    ["a promised header is missing", () => faultsOf(["POST", "/v1/chats"], 201, { chat_id: "1" })],
    ["a 401 does not say how to sign in", () => faultsOf(GET, 401, { ...problem, status: 401 }, asProblem)],
    [
      "a 429 does not say when to try again",
      () => faultsOf(GET, 429, { ...problem, status: 429 }, asProblem),
    ],
  ])("%s", (_name, faults) => {
    expect(faults()).toHaveLength(1);
  });

  test("it is the answer to a request of a test", async () => {
    const { accessToken: token } = await signUp(veche.baseUrl);
    const truth = await request(veche.baseUrl, "GET", "/v1/me", { token });
    let answer: unknown = truth.body;
    const impostor = createServer((req, res) => {
      res.setHeader("x-request-id", "1").setHeader("content-type", "application/json");
      res.end(JSON.stringify(req.url === "/openapi.json" ? document : answer));
    }).listen(0, "127.0.0.1");
    try {
      await once(impostor, "listening");
      const baseUrl = `http://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
      await request(baseUrl, "GET", "/v1/me");
      answer = { ...truth.body, password: "correct horse" };
      await expect(request(baseUrl, "GET", "/v1/me")).rejects.toThrow(/not as documented.*password/);
    } finally {
      impostor.close();
    }
  });
});

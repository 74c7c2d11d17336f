// No input gets a 5xx, none hangs, and what is refused says why. Driven by the OpenAPI document: new routes take part.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import {
  bystander,
  check,
  DEADLINE_MS,
  forEachRoute,
  hasBody,
  newCaller,
  ofV1,
  probe,
  refusedPaths,
  startFuzzing,
  veche,
} from "./support/fuzzing.ts";
import { exchangeBytes, request } from "./support/http.ts";
import {
  encoded,
  fieldsOf,
  hostile,
  jsonOf,
  known,
  pathOf,
  targetOf,
  typeOf,
  typesOf,
  UNKNOWN,
  wellFormed,
  words,
} from "./support/inputs.ts";
import { fillPath, type Operation } from "./support/openapi.ts";

// The least runs of all routes, on a slow machine.
jest.setTimeout(300_000);

beforeAll(startFuzzing);
afterAll(() => veche.stop());

describe("bodies", () => {
  test("well-formed requests reach what is behind the checks", async () => {
    const reached = new Set<string>();
    await forEachRoute(
      check.operations,
      (operation) => fc.tuple(targetOf(operation), wellFormed(operation.body ?? {})),
      async (operation, [target, fields]) => {
        const body = operation.body ? JSON.stringify(fields) : undefined;
        const { status } = await probe(operation, { target, body });
        if (status < 300) reached.add(operation.key);
      },
    );
    expect(reached.size).toBeGreaterThan(check.operations.length / 2);
  });

  test("a hostile field is refused by name where its type is wrong", async () => {
    const inputs = (operation: Operation) =>
      fc.tuple(
        pathOf(operation),
        wellFormed(operation.body ?? {}),
        fc.constantFrom(...Object.keys(operation.body?.properties ?? {})),
        hostile,
      );
    await forEachRoute(
      check.operations.filter(hasBody),
      inputs,
      async (operation, [target, fields, name, value]) => {
        const others = fieldsOf(fields).filter(([field]) => field !== name);
        const body = jsonOf([...others, [name, value]]);
        const answer = await probe(operation, { target, body });
        if (typesOf(operation.body?.properties?.[name] ?? {}).includes(typeOf(JSON.parse(value)))) return;
        // There it says nothing, as if the field were left out.
        if (operation.dialect === "chat-server" && JSON.parse(value) === null) return;
        // In its own form, which may name no field.
        if (operation.dialect !== undefined && answer.status >= 400) return;
        if (answer.status === 413 || answer.body?.detail === "The body is nested too deeply.") return;
        const named = refusedPaths(answer).some((path) => path === name || path.startsWith(`${name}.`));
        if (answer.status !== 400 || !named)
          throw new Error(`${name} was let through: ${JSON.stringify(answer)}`);
      },
    );
  });

  test("unknown fields are refused by name", async () => {
    for (const operation of ofV1().filter(hasBody)) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      const [fields = {}] = fc.sample(wellFormed(operation.body ?? {}), 1);
      const unknown = [...UNKNOWN, ...(operation.path.match(/(?<=\{)[^}]+/g) ?? [])];
      for (const name of unknown.filter((each) => !operation.body?.properties?.[each])) {
        const answer = await probe(operation, { target, body: jsonOf([...fieldsOf(fields), [name, '"x"']]) });
        expect([operation.key, answer.status, refusedPaths(answer)]).toEqual([operation.key, 400, [name]]);
      }
    }
  });

  test("what is not a JSON object is refused", async () => {
    const cut = (operation: Operation) =>
      fc.tuple(pathOf(operation), wellFormed(operation.body ?? {}), fc.nat()).map(([target, fields, at]) => {
        const body = Buffer.from(JSON.stringify(fields));
        return { target, body: body.subarray(0, 1 + (at % Math.max(1, body.length - 1))) };
      });
    await forEachRoute(ofV1().filter(hasBody), cut, async (operation, sent) => {
      const { status } = await probe(operation, sent);
      if (status !== 400 && sent.body.length > 1) throw new Error(`${sent.body} was answered ${status}`);
    });
    const bodies = ["[]", "1", '"{}"', "null", "{]", "{'a':1}", "NaN", "\u0000", " ", "{}{}", '{"a":1,}'];
    for (const operation of ofV1().filter(({ form }) => form === undefined)) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      for (const body of [...bodies, Buffer.from('{"a":"\xff"}', "latin1"), Buffer.alloc(70_000, "[")]) {
        const { status } = await probe(operation, { target, body });
        expect([operation.key, body, status]).toEqual([
          operation.key,
          body,
          body.length > 65_536 && status !== 400 ? 413 : 400,
        ]);
      }
    }
  });

  test("and so is what does not say that it is JSON", async () => {
    const types = [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "",
      "json",
      "a/b;=,",
    ];
    const wrong = ["application/json; charset=utf-16", "application/jsonp", "application/json, text/plain"];
    for (const operation of ofV1().filter(hasBody)) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      for (const headers of [
        ...[...types, ...wrong].map((type) => ({ "content-type": type })),
        { "content-encoding": "gzip" },
        { "content-encoding": "br, gzip" },
      ]) {
        const { status } = await probe(operation, { target, body: "{}", headers });
        // Where a form is taken too, this one is malformed.
        const form = operation.form && Object.values(headers)[0]?.startsWith("multipart/");
        expect([operation.key, headers, status]).toEqual([operation.key, headers, form ? 400 : 415]);
      }
    }
  });
});

describe("forms", () => {
  const file = (operation: Operation) =>
    Object.entries(operation.form?.properties ?? {}).find(
      ([, { contentMediaType }]) => contentMediaType,
    )?.[0];
  const B = "boundary";
  const part = (head: string, content: string | Buffer) =>
    Buffer.concat([Buffer.from(`--${B}\r\n${head}\r\n\r\n`), Buffer.from(content), Buffer.from("\r\n")]);
  const disposition = (name: string, more = "") => `Content-Disposition: form-data; name="${name}"${more}`;
  const image = (name: string, content: string | Buffer = "GIF89a") =>
    part(disposition(name, '; filename="../../x\u0000.html"'), content);
  const end = Buffer.from(`--${B}--\r\n`);

  test("that are malformed, hostile or not there are refused", async () => {
    const forms = check.operations.filter(({ form }) => form !== undefined);
    expect(forms.length).toBeGreaterThan(0);
    for (const operation of forms) {
      const name = file(operation) ?? "";
      const [target = ""] = fc.sample(pathOf(operation), 1);
      const bodies: [string, Buffer][] = [
        ["nothing", Buffer.alloc(0)],
        ["only the end", end],
        ["no end", image(name)],
        ["half a head", Buffer.from(`--${B}\r\nContent-Disp`)],
        ["no name", Buffer.concat([part("Content-Disposition: form-data", "x"), end])],
        ["no disposition", Buffer.concat([part("X: y", "x"), end])],
        ["another boundary", Buffer.from("--other\r\n\r\n\r\n--other--\r\n")],
        ["no image", Buffer.concat([image(name, "hello"), end])],
        ["an empty file", Buffer.concat([image(name, ""), end])],
        ["two files", Buffer.concat([image(name), image(name), end])],
        ["a file of another name", Buffer.concat([image("__proto__"), end])],
        ["a text in its place", Buffer.concat([part(disposition(name), "x"), end])],
        [
          "a hundred fields",
          Buffer.concat([...Array.from({ length: 100 }, (_, i) => part(disposition(`f${i}`), "x")), end]),
        ],
        [
          "a field twice",
          Buffer.concat([part(disposition("text"), "x"), part(disposition("text"), "y"), end]),
        ],
        ["a large field", Buffer.concat([part(disposition("text"), "x".repeat(70_000)), end])],
        ["a large head", Buffer.concat([part(`${disposition(name)}\r\nX: ${"y".repeat(90_000)}`, "x"), end])],
        ...UNKNOWN.map((field): [string, Buffer] => [
          field,
          Buffer.concat([part(disposition(field), "x"), image(name), end]),
        ]),
        ["noise", Buffer.concat([image(name, Buffer.alloc(300_000, "\r\n--bound")), end])],
      ];
      for (const [what, body] of bodies) {
        const headers = { "content-type": `multipart/form-data; boundary=${B}` };
        const { status } = await probe(operation, { target, body, headers });
        expect([operation.key, what, status < 500 && status >= 400]).toEqual([operation.key, what, true]);
      }
      for (const type of [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=a",
        "text/plain",
      ]) {
        const { status } = await probe(operation, { target, body: end, headers: { "content-type": type } });
        expect([operation.key, type, [400, 415].includes(status)]).toEqual([operation.key, type, true]);
      }
    }
  });
});

describe("paths, queries and headers", () => {
  const traced = (traceparent: string) => ({ traceparent });
  const SEGMENTS = [
    ...words(
      ". .. %2e%2e %00 %2f %2F..%2F %5c %20 % %zz %ff %ed%a0%80 -1 0 1e3 0x10 null undefined __proto__",
    ),
    ...words(
      "constructor {id} * :id $ne ;a=b %7B%22%24gt%22%3A%22%22%7D %C3%A9 9007199254740992 99999999999999999",
    ),
    ...words("a 1 %41").map((letter) => letter.repeat(4_000)),
  ];
  const QUERIES = [
    ...words(
      "% limit=%zz limit=%ff limit=1&limit=2 limit[]=1 limit[$gt]=1 limit = =&= &&& limit=0 limit=-1 limit=1.5",
    ),
    ...words(
      "limit=1e309 limit=0x10 limit=NaN limit=99999999999999999999 cursor= cursor=%00 query=%00 after=-1",
    ),
    ...words("query=%ed%a0%80 after=9007199254740993 __proto__=1 __proto__[a]=1 constructor[prototype][a]=1"),
    ...["a=1&".repeat(3_000), "a".repeat(9_000)],
  ];
  const HEADERS: Record<string, string>[] = [
    ...["", "\u00e9", "a b", "a".repeat(500), "{}"].map((id) => ({ "x-request-id": id })),
    ...["", "00", "00-x-y-01", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`, `ff-${"1".repeat(300)}`].map(
      traced,
    ),
    { accept: "a/b;q=x", "accept-encoding": "nonsense", "accept-language": "*".repeat(1_000) },
    { "x-correlation-id": "a\tb", "x-http-method-override": "DELETE", "x-forwarded-for": "1, 2, 3" },
    { range: "bytes=9-1", "if-none-match": "*", "if-modified-since": "never", cookie: "=;=;%ff" },
    Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`h${i}`, ""])),
    { "x-large": "a".repeat(20_000) },
  ];

  test("a path param that names nothing is refused", async () => {
    for (const operation of check.operations.filter(({ path }) => path.includes("{"))) {
      const patterns = operation.parameters.map(({ schema: { pattern = "(?!)" } }) => new RegExp(pattern));
      for (const segment of SEGMENTS) {
        const { status } = await probe(operation, { target: fillPath(operation.path, () => segment) });
        // The fuzz before may have made what is well-formed.
        const refused = status >= 400 || patterns.some((pattern) => pattern.test(segment));
        expect([operation.key, segment, refused]).toEqual([operation.key, segment, true]);
      }
    }
  });

  test("hostile queries and headers do no harm, and unknown params are refused by name", async () => {
    const routes = check.operations.filter(({ path }) => !/logout|account/.test(path));
    await forEachRoute(routes, targetOf, async (operation, target) => {
      await probe(operation, { target: `${target}&${fc.sample(fc.constantFrom(...QUERIES), 1)}` });
    });
    for (const operation of check.operations) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      for (const query of QUERIES) await probe(operation, { target: `${target}?${query}` });
      for (const headers of HEADERS) await probe(operation, { target, headers });
      for (const name of UNKNOWN) {
        const answer = await probe(operation, { target: `${target}?${encoded(name)}=x` });
        if (operation.dialect !== undefined) continue;
        expect([operation.key, answer.status, refusedPaths(answer)]).toEqual([operation.key, 400, [name]]);
      }
    }
  });

  test("cursors that are garbage, forged or of another list do no harm", async () => {
    // What came before may have deleted what the caller had.
    await newCaller();
    const lists = check.operations.filter(({ parameters }) =>
      parameters.some(({ name }) => name === "cursor"),
    );
    const pathTo = ({ path, parameters }: Operation) =>
      `${fillPath(path, () => (path.startsWith("/v1/rooms") ? known.room?.[0] : known.id?.[2]) ?? "")}?limit=1${parameters.some(({ name }) => name === "query") ? "&query=fuzz" : ""}`;
    const cursors = new Map<string, string>();
    for (const list of lists) {
      const { body } = await probe(list, { target: pathTo(list) });
      if (typeof body?.next_cursor === "string") cursors.set(list.key, body.next_cursor);
    }
    expect(cursors.size).toBeGreaterThan(0);
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const list of lists) {
      const [name, after] = JSON.parse(
        Buffer.from(cursors.get(list.key) ?? "WyIiXQ", "base64url").toString(),
      );
      const keys = [
        "",
        "\u0000",
        "\uffff",
        "-1",
        "1e309",
        "NaN",
        "2.5",
        "__proto__",
        ".",
        "/",
        "9".repeat(300),
      ];
      const forged = [...keys, `${after}\u0000`, `${after}.`].map((key) => encode([name, key]));
      const shapes = [
        [name],
        [name, null],
        [name, 1],
        [name, { $gt: "" }],
        [name, [after]],
        [name, "a", "b"],
        {},
        null,
      ];
      const garbage = ["", "x", "====", "%00", "%ff", "a".repeat(512), "a".repeat(600), encode(["", ""])];
      const others = [...cursors].flatMap(([key, cursor]) => (key === list.key ? [] : [cursor]));
      const foreign = others.filter(
        (cursor) => JSON.parse(Buffer.from(cursor, "base64url").toString())[0] !== name,
      );
      for (const cursor of [...forged, ...others])
        await probe(list, { target: `${pathTo(list)}&cursor=${cursor}` });
      for (const cursor of [...shapes.map(encode), ...garbage, ...foreign]) {
        const { status } = await probe(list, { target: `${pathTo(list)}&cursor=${cursor}` });
        expect([list.key, cursor, status]).toEqual([list.key, cursor, 400]);
      }
    }
  });
});

describe("what is hardly HTTP", () => {
  const head = (line: string, ...headers: string[]) =>
    [`${line} HTTP/1.1`, "Host: veche", ...headers, "", ""].join("\r\n");
  const post = (body: string, ...headers: string[]) =>
    `${head("POST /v1/login", "Content-Type: application/json", ...headers)}${body}`;
  const stays = true;

  test.each<[string, number, string, boolean?]>([
    ["a body that ends too early", 400, post('{"a":', "Content-Length: 50")],
    ["a body that does not come", 408, post('{"a":', "Content-Length: 50"), stays],
    ["a body longer than announced", 400, post('{"a":1}', "Content-Length: 5")],
    ["a negative length", 400, post("{}", "Content-Length: -1")],
    ["two lengths", 400, post("{}", "Content-Length: 2", "Content-Length: 3")],
    ["a length and chunks", 400, post("{}", "Content-Length: 2", "Transfer-Encoding: chunked")],
    ["chunks that are none", 400, post("zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked")],
    ["another transfer encoding", 400, post("{}", "Transfer-Encoding: gzip")],
    ["no host", 400, "GET /v1/me HTTP/1.1\r\n\r\n"],
    ["a path in no encoding", 400, head("GET /v1/profile/\u00e9")],
    ["a null byte in the path", 400, head("GET /v1/\u0000")],
    ["a null byte in a header", 400, head("GET /v1/me", "X-A: \u0000")],
    ["a target that is no URL", 400, head("GET http://[/v1/me")],
    ["another HTTP", 400, "GET /v1/me HTTP/9.9\r\n\r\n"],
    ["no HTTP", 400, "\u0016\u0003\u0001\u0002\r\n\r\n"],
    ["an unknown method", 400, head("BREW /v1/me")],
    ["a method that no path has", 405, head("TRACE /v1/me", "Connection: close")],
    ["an expectation", 417, post("{}", "Expect: 200-maybe", "Content-Length: 2")],
  ])("%s: refused with %i", async (_name, status, bytes, open = false) => {
    const answer = await exchangeBytes(veche.baseUrl, bytes, open, DEADLINE_MS);
    expect(answer).toMatch(
      new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json[^]*"status":${status}`),
    );
  });
});

test("after all that the server is well, and nobody else has noticed", async () => {
  const token = bystander.accessToken;
  const me = await request(veche.baseUrl, "GET", "/v1/me", { token });
  const { userId, email } = bystander;
  expect(me).toMatchObject({
    status: 200,
    body: { id: userId, email, role: "user", bio: null, username: null },
  });
  expect(Object.keys(Object.prototype)).toEqual([]);
  await newCaller();
  const path = `/v1/chats/${known.id?.[2]}/messages`;
  const { body } = await request<{ messages: { text: string }[] }>(veche.baseUrl, "GET", path, { token });
  expect(body.messages.map(({ text }) => text)).toEqual(["two", "one"]);
});

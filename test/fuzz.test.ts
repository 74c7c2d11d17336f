// No input gets a 5xx, none hangs, and what is refused says why. Driven by the OpenAPI document: new routes take part.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import {
  exchangeBytes,
  type Received,
  request,
  requestVerbatim,
  type SignedUp,
  signUp,
  uniqueName,
  type Verbatim,
} from "./support/http.ts";
import { AnswerCheck, fetchDocument, fillPath, type Operation, type Schema } from "./support/openapi.ts";

/** Of one property, all routes together. */
const BUDGET_MS = 4_000;
/** Of one property and route, where time is left. */
const RUNS = 150;
/** No answer may take longer. */
const DEADLINE_MS = 6_000;

let veche: Embedded;
let check: AnswerCheck;
let caller: SignedUp;
/** Has a chat with the caller. */
let bystander: SignedUp;
let stranger: SignedUp;
/** What there is, by the names that fields and path params have. */
let known: Record<string, string[]>;

beforeAll(async () => {
  const never = "1000000";
  veche = await startEmbedded({
    SIGN_IN_FREE_FAILURES: never,
    SIGN_IN_MAX_FAILURES: never,
    SIGN_IN_ADDRESS_MAX_FAILURES: never,
    REGISTRATIONS_PER_ADDRESS_PER_HOUR: never,
    REQUEST_TIMEOUT_MS: "3000",
  });
  check = new AnswerCheck(await fetchDocument(veche.baseUrl));
  bystander = await signUp(veche.baseUrl, { nickname: uniqueName("fuzz") });
  stranger = await signUp(veche.baseUrl, { nickname: uniqueName("fuzz") });
  await newCaller();
});
afterAll(() => veche.stop());

/** Somebody who has something in each list. */
async function newCaller(): Promise<void> {
  caller = await signUp(veche.baseUrl);
  const { email, password, accessToken: token, userId, refreshToken } = caller;
  const { body: session } = await request(veche.baseUrl, "POST", "/v1/login", { body: { email, password } });
  const body = { participant_id: bystander.userId };
  const chat = String((await request(veche.baseUrl, "POST", "/v1/chats", { token, body })).body.chat_id);
  for (const text of ["one", "two"]) {
    await request(veche.baseUrl, "POST", `/v1/chats/${chat}/messages`, { token, body: { text } });
  }
  const { body: verified } = await request(veche.baseUrl, "GET", "/v1/auth/verify", {
    token: String(session.access_token),
  });
  const ids = [userId, bystander.userId, chat];
  known = {
    id: [...ids, String(verified.session_id)],
    user_id: [...ids, stranger.userId],
    participant_id: [...ids, stranger.userId],
    email: [email],
    password: [password],
    refresh_token: [refreshToken],
    query: ["fuzz"],
  };
}

const send = (sent: Verbatim): Promise<Received> =>
  requestVerbatim(
    veche.baseUrl,
    {
      ...sent,
      headers: {
        authorization: `Bearer ${caller.accessToken}`,
        ...(sent.body === undefined ? {} : { "content-type": "application/json" }),
        ...sent.headers,
      },
    },
    DEADLINE_MS,
  );

/** What any HTTP request may get that is malformed: not said at each route. */
const OF_MALFORMED = [400, 404, 405, 413, 415, 431];

/** Sends it and looks at what holds for every answer. */
async function probe(
  { method, key, responses }: Operation,
  sent: Omit<Verbatim, "method">,
): Promise<Received> {
  const answer = await send({ method, ...sent });
  const { status, body } = answer;
  const headers = new Headers(answer.headers as Record<string, string>);
  const refuse = (why: string) => {
    throw new Error(`${key} (${sent.target}) answered ${status} ${JSON.stringify(body)}: ${why}`);
  };
  if (status >= 500 || status < 200) refuse("not a status for any input");
  if (status !== 431 && !/^[\x21-\x7e]{1,128}$/.test(headers.get("x-request-id") ?? ""))
    refuse("no request id");
  if (status >= 400) {
    if (!headers.get("content-type")?.startsWith("application/problem+json")) refuse("not a problem");
    if (body?.status !== status || body.request_id !== answer.headers["x-request-id"])
      refuse("a wrong problem");
    if (/node_modules|\n\s+at |moleculer|nedb|mongo/i.test(JSON.stringify(body))) refuse("tells internals");
  }
  if (responses[status] || !OF_MALFORMED.includes(status)) {
    const faults = check.faultsOf(method, sent.target, { status, headers, body });
    if (faults.length > 0) refuse(faults.join("; "));
  }
  // A request that went through may have ended the caller's session, or changed its password.
  const spent = status < 300 && method !== "GET" && /logout|account|session/.test(key);
  if (spent || (status === 401 && (await send({ method: "GET", target: "/v1/me" })).status === 401)) {
    await newCaller();
  }
  return answer;
}

const refusedPaths = ({ body }: Received): string[] =>
  ((body?.errors ?? []) as { path: string }[]).map(({ path }) => path);

/** Values that a schema allows, as far as it says; those that are known among them. */
function allowed(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const { type, pattern, anyOf, items, minimum = 0, maximum = 100, minLength = 0, maxLength = 40 } = schema;
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((each: Schema) => allowed(name, each)));
  if (Array.isArray(type)) return fc.oneof(...type.map((each) => allowed(name, { ...schema, type: each })));
  if (type === "object") return wellFormed(schema);
  if (type === "array") return fc.array(allowed(name, items as Schema), { maxLength: 3 });
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  if (type === "integer" || type === "number") {
    return fc.integer({ min: Number(minimum), max: Math.min(Number(maximum), 2 ** 31 - 1) });
  }
  const drawn = () => {
    if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
    if (name === "email") return fc.uuid().map((id) => `${id}@example.com`);
    if (name.endsWith("_url")) return fc.webUrl();
    const longest = Math.min(Number(maxLength), Number(minLength) + 40);
    return fc.string({ unit: "binary", minLength: Number(minLength), maxLength: longest });
  };
  if (known[name] === undefined) return drawn();
  // Looked up at each draw: the caller may be another by then.
  return fc.oneof({ arbitrary: fc.nat().map((n) => pick(name, n)), weight: 3 }, drawn());
}

const pick = (name: string, n: number): string => known[name]?.[n % known[name].length] ?? "";

function wellFormed({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, allowed(name, schema)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

/** The params of a route in its path or its query, as a schema of their own. */
function paramsOf({ parameters }: Operation, where: "path" | "query"): Schema {
  const there = parameters.filter((parameter) => parameter.in === where);
  return {
    properties: Object.fromEntries(there.map(({ name, schema }) => [name, schema])),
    required: there.filter(({ required }) => required).map(({ name }) => name),
  };
}

const encoded = (value: unknown): string => encodeURIComponent(String(value).toWellFormed());

const pathOf = (operation: Operation): fc.Arbitrary<string> =>
  wellFormed(paramsOf(operation, "path")).map((params) =>
    fillPath(operation.path, (name) => encoded(params[name])),
  );

const targetOf = (operation: Operation): fc.Arbitrary<string> =>
  fc.tuple(pathOf(operation), wellFormed(paramsOf(operation, "query"))).map(([path, params]) => {
    const pairs = Object.entries(params).map(([name, value]) => `${name}=${encoded(value)}`);
    return `${path}?${pairs.join("&")}`;
  });

/** Fields as the text of a JSON object: some of what is hostile is no value that could be serialized. */
const jsonOf = (fields: [string, string][]): string =>
  `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;

const fieldsOf = (value: Record<string, unknown>): [string, string][] =>
  Object.entries(value).map(([name, field]) => [name, JSON.stringify(field)]);

const words = (text: string): string[] => text.split(" ");

/** JSON texts in the place of a field. */
const HOSTILE = [
  ...words(
    'null true 0 -0 1.5 1e309 -1e309 9007199254740993 [] {} "" [""] {"$gt":""} {"$ne":null} {"$where":"1"}',
  ),
  ...words(
    '{"$set":{"role":"admin"}} [{"$gt":""}] {"__proto__":{"admin":true}} {"length":-1} "__proto__" "../../x"',
  ),
  ...words(
    '{"constructor":{"prototype":{"admin":true}}} "\\u0000" "\\ud800" "\\udfff\\ud800" "\\u202e\\ufeff"',
  ),
  ...[10_000, 60_000, 70_000].map((length) => `"${"a".repeat(length)}"`),
  ...[20, 40, 10_000].map((depth) => `${"[".repeat(depth)}1${"]".repeat(depth)}`),
  `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`,
];
const UNKNOWN = words("__proto__ constructor toString $where a.b role _id is_admin é☃");
const hostile = fc.oneof(
  { arbitrary: fc.constantFrom(...HOSTILE), weight: 4 },
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 300 }).map((text) => JSON.stringify(text)),
);

const typeOf = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
};
const typesOf = ({ type, anyOf = [], enum: some = [] }: Schema): string[] => [
  ...[type ?? []].flat(),
  ...(anyOf as Schema[]).flatMap(typesOf),
  ...(some as unknown[]).map(typeOf),
];

/** Runs a property for each route, within the budget. */
async function forEachRoute<T>(
  routes: Operation[],
  inputsOf: (operation: Operation) => fc.Arbitrary<T>,
  holds: (operation: Operation, input: T) => Promise<void>,
): Promise<void> {
  for (const operation of routes) {
    const enough = performance.now() + BUDGET_MS / routes.length;
    // fast-check's own time limit would leave the last request under way.
    const property = async (input: T) => {
      if (performance.now() < enough) await holds(operation, input);
    };
    await fc.assert(fc.asyncProperty(inputsOf(operation), property), { numRuns: RUNS });
  }
}
const withBody = () => check.operations.filter(({ body }) => body !== undefined);

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
    await forEachRoute(withBody(), inputs, async (operation, [target, fields, name, value]) => {
      const others = fieldsOf(fields).filter(([field]) => field !== name);
      const body = jsonOf([...others, [name, value]]);
      const answer = await probe(operation, { target, body });
      if (typesOf(operation.body?.properties?.[name] ?? {}).includes(typeOf(JSON.parse(value)))) return;
      if (answer.status === 413 || answer.body?.detail === "The body is nested too deeply.") return;
      const named = refusedPaths(answer).some((path) => path === name || path.startsWith(`${name}.`));
      if (answer.status !== 400 || !named)
        throw new Error(`${name} was let through: ${JSON.stringify(answer)}`);
    });
  });

  test("unknown fields are refused by name", async () => {
    for (const operation of withBody()) {
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
    await forEachRoute(withBody(), cut, async (operation, sent) => {
      const { status } = await probe(operation, sent);
      if (status !== 400 && sent.body.length > 1) throw new Error(`${sent.body} was answered ${status}`);
    });
    const bodies = ["[]", "1", '"{}"', "null", "{]", "{'a':1}", "NaN", "\u0000", " ", "{}{}", '{"a":1,}'];
    for (const operation of check.operations) {
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
    for (const operation of withBody()) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      for (const headers of [
        ...[...types, ...wrong].map((type) => ({ "content-type": type })),
        { "content-encoding": "gzip" },
        { "content-encoding": "br, gzip" },
      ]) {
        const { status } = await probe(operation, { target, body: "{}", headers });
        expect([operation.key, headers, status]).toEqual([operation.key, headers, 415]);
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
        expect([operation.key, answer.status, refusedPaths(answer)]).toEqual([operation.key, 400, [name]]);
      }
    }
  });

  test("cursors that are garbage, forged or of another list do no harm", async () => {
    const lists = check.operations.filter(({ parameters }) =>
      parameters.some(({ name }) => name === "cursor"),
    );
    const pathTo = ({ path, parameters }: Operation) =>
      `${fillPath(path, () => known.id?.[2] ?? "")}?limit=1${parameters.some(({ name }) => name === "query") ? "&query=fuzz" : ""}`;
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

// No input gets a 5xx, none hangs, and what is refused says why. Driven by the OpenAPI document: new routes take part.
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { request, type SignedUp, signUp, uniqueName } from "./support/http.ts";
import { AnswerCheck, fetchDocument, fillPath, type Operation, type Schema } from "./support/openapi.ts";

/** For each kind of input, all routes together. */
const BUDGET_MS = 5_000;
/** Of one route and kind of input, where time is left. */
const RUNS = 150;
/** No answer may take longer, the ones that wait for a body that does not come too. */
const DEADLINE_MS = 3_000;

interface Sent {
  /** As it goes out, with the query: nothing is normalized. */
  target: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown> | null;
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 });
let veche: Embedded;
let check: AnswerCheck;
let caller: SignedUp;
let bystander: SignedUp;
let before: unknown;
/** What exists, for path params and fields by the name. */
let known: Record<string, string[]>;
let cursors: Record<string, string>;

beforeAll(async () => {
  const never = "1000000";
  veche = await startEmbedded({
    SIGN_IN_FREE_FAILURES: never,
    SIGN_IN_MAX_FAILURES: never,
    SIGN_IN_ADDRESS_MAX_FAILURES: never,
    REGISTRATIONS_PER_ADDRESS_PER_HOUR: never,
    REQUEST_TIMEOUT_MS: "2000",
  });
  check = new AnswerCheck(await fetchDocument(veche.baseUrl));
  bystander = await signUp(veche.baseUrl, { nickname: uniqueName("fuzz") });
  before = await ask("GET", "/v1/me", bystander);
  await newCaller();
  cursors = await harvestCursors();
});
afterAll(async () => {
  agent.destroy();
  await veche.stop();
});

const ask = async (method: string, path: string, { accessToken }: SignedUp, body?: object) =>
  (await request<Record<string, string>>(veche.baseUrl, method, path, { token: accessToken, body })).body;

/** Somebody who has something in each list. Requests that went through may have ended the account of the one before. */
async function newCaller(): Promise<void> {
  caller = await signUp(veche.baseUrl, { nickname: uniqueName("fuzz") });
  const { email, password, accessToken, userId } = caller;
  await request(veche.baseUrl, "POST", "/v1/login", { body: { email, password } });
  const chat = String((await ask("POST", "/v1/chats", caller, { participant_id: bystander.userId })).chat_id);
  for (const text of ["one", "two"]) await ask("POST", `/v1/chats/${chat}/messages`, caller, { text });
  const ids = [userId, bystander.userId, chat];
  const { session_id = "" } = await ask("GET", "/v1/auth/verify", caller);
  known = {
    id: [...ids, session_id],
    participant_id: ids,
    user_id: ids,
    password: [password],
    email: [email],
  };
  expect(accessToken).not.toBe("");
}

/** operation → a cursor of its list. */
async function harvestCursors(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const [, , chat = ""] = known.id ?? [];
  for (const { key, path, parameters } of check.operations) {
    if (!parameters.some(({ name }) => name === "cursor")) continue;
    const needed = parameters.some(({ name }) => name === "query") ? "&query=fuzz" : "";
    const target = `${fillPath(path, () => chat)}?limit=1${needed}`;
    const { body } = await send("GET", { target });
    if (typeof body?.next_cursor === "string") found[key] = body.next_cursor;
  }
  return found;
}

function send(method: string, { target, body, headers = {} }: Sent): Promise<Received> {
  const { hostname, port } = new URL(veche.baseUrl);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        agent,
        hostname,
        port,
        method,
        path: target,
        headers: {
          authorization: `Bearer ${caller.accessToken}`,
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
          ...headers,
        },
        signal: AbortSignal.timeout(DEADLINE_MS),
      },
      (answer) => {
        textOf(answer).then((text) => {
          const parsed = text === "" ? null : (JSON.parse(text) as Received["body"]);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: parsed });
        }, reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Sends it and looks at what holds for every answer. */
async function probe({ method, key, responses }: Operation, sent: Sent): Promise<Received> {
  const answer = await send(method, sent);
  const { status, headers, body } = answer;
  const said = `${key} answered ${status} ${JSON.stringify(body)}`;
  if (status >= 500 || status < 200) throw new Error(said);
  if (status >= 400) {
    if (!headers["content-type"]?.startsWith("application/problem+json")) throw new Error(said);
    if (body?.status !== status || body.request_id !== headers["x-request-id"]) throw new Error(said);
    if (/node_modules|\n\s+at |moleculer|nedb|mongo|\.ts\b/i.test(JSON.stringify(body)))
      throw new Error(said);
  }
  // What any HTTP request may get that is malformed needs no word at each route.
  if (responses[status] || ![400, 404, 405, 413, 415, 431].includes(status)) {
    const faults = check.faultsOf(method, sent.target, { ...answer, headers: new Headers(flat(headers)) });
    if (faults.length > 0) throw new Error(`${said}, not as documented: ${faults.join("; ")}`);
  }
  const spent = status < 300 && method !== "GET" && /logout|account|session/.test(key);
  if (spent || (status === 401 && (await send("GET", { target: "/v1/me" })).status === 401))
    await newCaller();
  return answer;
}

const flat = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

const pathsOf = ({ errors = [] }: { errors?: unknown }): string[] =>
  (errors as { path: string }[]).map(({ path }) => path);

// ---- What is well-formed

const typesOf = ({ type, anyOf, const: only, enum: some }: Schema): string[] =>
  type !== undefined
    ? [type].flat()
    : Array.isArray(anyOf)
      ? anyOf.flatMap((each: Schema) => typesOf(each))
      : [only, some].flat().map((value) => typeof value);

/** Values that a schema allows, as far as it says; those of `known` among them. */
function allowed(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const { type, pattern, anyOf, minimum = 0, maximum = 100, minLength = 0, maxLength = 40 } = schema;
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((each: Schema) => allowed(name, each)));
  if (Array.isArray(type)) return fc.oneof(...type.map((each) => allowed(name, { ...schema, type: each })));
  if (type === "object") return wellFormed(schema);
  if (type === "array") return fc.array(allowed(name, schema.items as Schema), { maxLength: 3 });
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  if (type === "integer" || type === "number") {
    return fc.integer({ min: Number(minimum), max: Math.min(Number(maximum), 2 ** 31 - 1) });
  }
  const drawn =
    pattern !== undefined
      ? fc.stringMatching(new RegExp(pattern))
      : name === "email"
        ? fc.uuid().map((id) => `${id}@example.com`)
        : name.endsWith("_url")
          ? fc.webUrl()
          : fc.string({
              unit: "binary",
              minLength: Number(minLength),
              maxLength: Math.min(Number(maxLength), 40),
            });
  // Looked up at each draw: the caller may be another by then.
  const there = fc.nat().map((n) => known[name]?.[n % known[name].length]);
  return known[name] === undefined ? drawn : fc.oneof(there, drawn);
}

function wellFormed({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, allowed(name, schema)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

const pathOf = (operation: Operation): fc.Arbitrary<string> =>
  fc
    .record(paramsIn(operation, "path"))
    .map((params) => fillPath(operation.path, (name) => encodeURIComponent(String(params[name]))));

const paramsIn = ({ parameters }: Operation, where: "path" | "query") =>
  Object.fromEntries(
    parameters.flatMap(({ in: at, name, schema }) => (at === where ? [[name, allowed(name, schema)]] : [])),
  );

const queryOf = (operation: Operation): fc.Arbitrary<string> =>
  fc
    .record(paramsIn(operation, "query"), {
      requiredKeys: operation.parameters.flatMap(({ in: at, name, required }) =>
        at === "query" && required ? [name] : [],
      ),
    })
    .map((params) => {
      const pairs = Object.entries(params).map(([name, value]) => `${name}=${encoded(String(value))}`);
      return pairs.length > 0 ? `?${pairs.join("&")}` : "";
    });

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

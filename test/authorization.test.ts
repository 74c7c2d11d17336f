// Who may do what, route by route: a route that has no entry in support/access.ts fails it.
import { glob } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import jwt from "jsonwebtoken";
import type { ActionContract, Contract } from "../lib/contract.ts";
import { newSessionId, newUserId } from "../lib/ids.ts";
import { routes } from "../services/api/rest/routes.ts";
import { eventually } from "./servers/eventually.ts";
import { type Entry, entries as ofV1, type World } from "./support/access.ts";
import { dialectEntries } from "./support/access-of-dialects.ts";
import { type Embedded, JWT_SECRET, startEmbedded } from "./support/embedded.ts";
import { type Answer, request, type SignedUp, signUp, uniqueName } from "./support/http.ts";
import { jpeg, upload } from "./support/images.ts";
import { fetchDocument, fillPath, type Operation, operationsOf } from "./support/openapi.ts";

const entries = { ...ofV1, ...dialectEntries };

let veche: Embedded;
let world: World;
let operations: Operation[];
let before: unknown;

const api = <T = Record<string, unknown>>(method: string, path: string, token?: string, body?: object) =>
  request<T>(veche.baseUrl, method, path, { token, body });

beforeAll(async () => {
  veche = await startEmbedded();
  const annsNickname = uniqueName("n");
  const ann = await signUp(veche.baseUrl, { nickname: annsNickname });
  const [bob, eve] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const chat = await api("POST", "/v1/chats", ann.accessToken, { participant_id: bob.userId });
  const { body } = await api("GET", "/v1/auth/verify", ann.accessToken);
  const annsSession = String(body.session_id);
  const { body: room } = await api("POST", "/v1/rooms", ann.accessToken, {
    name: uniqueName("r"),
    is_private: true,
  });
  const asked = await api("POST", `/v1/friends/${bob.userId}/request`, ann.accessToken);
  const photo = await upload(veche.baseUrl, ann, await jpeg());
  const post = await api("POST", "/v1/posts", ann.accessToken, { text: "For all to read." });
  world = {
    ...{ ann, bob, eve, annsNickname, annsSession, friendRequest: String(asked.body.request_id) },
    ...{ chat: String(chat.body.chat_id), room: String(room.id), annsPhoto: String(photo.body.id) },
    annsPost: String(post.body.id),
  };
  await api("POST", `/v1/chats/${world.chat}/messages`, ann.accessToken, { text: "Only for Bob." });
  await api("POST", `/v1/rooms/${world.room}/invite`, ann.accessToken, { user_id: bob.userId });
  await api("POST", `/v1/rooms/${world.room}/messages`, ann.accessToken, { text: "Only for members." });
  operations = operationsOf(await fetchDocument(veche.baseUrl));
  before = await annsThings();
});
afterAll(() => veche.stop());

const signInAgain = async ({ email, password }: SignedUp) =>
  String((await api("POST", "/v1/login", undefined, { email, password })).body.access_token);

/** Of a session of Ann's that she has ended. */
async function endedToken(): Promise<string> {
  const token = await signInAgain(world.ann);
  await api("POST", "/v1/logout", token);
  await eventually(async () => (await api("GET", "/v1/me", token)).status === 401);
  return token;
}

/** What errors of a dialect are that is not JSON. */
const TYPES: Record<string, string> = { "chat-server": "text/plain" };

const dialectOf = (key: string) => operations.find((each) => each.key === key)?.dialect;

/** All that a refused request could have changed. */
async function annsThings() {
  const { chat, room } = world;
  const paths = [
    ...["/v1/me", "/v1/sessions", "/v1/me/photos", `/v1/chats/${chat}`, `/v1/chats/${chat}/messages`],
    ...["", "/members", "/messages"].map((part) => `/v1/rooms/${room}${part}`),
    ...["/v1/friends/requests?direction=outgoing", `/v1/posts/${world.annsPost}`],
  ];
  const answers = await Promise.all(paths.map((path) => api("GET", path, world.ann.accessToken)));
  return answers.map(({ status, body }) => ({ status, body }));
}

type Attempt = { token?: string; headers?: Record<string, string>; query?: string };

/** The request for Ann's things that an entry describes. */
function attempt({ key, method, path }: Operation, { token, headers, query = "" }: Attempt): Promise<Answer> {
  const { params, body } = entries[key] ?? {};
  const search = new URLSearchParams(params?.(world));
  const filled = fillPath(path, (name) => {
    const value = search.get(name) ?? "";
    search.delete(name);
    return value;
  });
  const target = query !== "" || search.size === 0 ? `${filled}${query}` : `${filled}?${search}`;
  return request(veche.baseUrl, method, target, { token, headers, body: body?.(world) });
}

const attemptOfEve = (key: string): Promise<Answer> => {
  const operation = operations.find((each) => each.key === key);
  if (!operation) throw new Error(`The document has no ${key}`);
  return attempt(operation, { token: world.eve.accessToken });
};
const keysOf = (kind: Entry["kind"]) => Object.keys(entries).filter((key) => entries[key]?.kind === kind);

describe("the table of access", () => {
  test("has every route of the document, and no other", () => {
    expect(Object.keys(entries).sort()).toEqual(operations.map(({ key }) => key).sort());
  });

  test("knows all routes that serve callers without a token", () => {
    const known = operations.filter((operation) => operation.open).map(({ key }) => key);
    expect(known.sort()).toEqual(keysOf("open").sort());
  });
});

describe("tokens", () => {
  const signed = (more: jwt.SignOptions = {}, secret = JWT_SECRET, claims: object = {}) =>
    jwt.sign({ sid: world.annsSession, role: "user", ...claims }, secret, {
      subject: world.ann.userId,
      issuer: "veche",
      expiresIn: 900,
      ...more,
    });
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const reheaded = (token: string, header: object, signature = token.split(".")[2]) =>
    `${encoded(header)}.${token.split(".")[1]}.${signature}`;
  const promoted = (token: string) => {
    const [header, , signature] = token.split(".");
    return `${header}.${encoded({ ...(jwt.decode(token) as jwt.JwtPayload), role: "admin" })}.${signature}`;
  };
  const invalid = 'Bearer error="invalid_token"';

  test("of the form that the refused ones have are accepted", async () => {
    expect((await api("GET", "/v1/me", signed())).status).toBe(200);
  });

  test.each<[string, string, () => Attempt | Promise<Attempt>]>([
    ["none at all", "Bearer", () => ({})],
    ["an empty one", invalid, () => ({ headers: { authorization: "Bearer " } })],
    ["one in the query", "Bearer", () => ({ query: `?access_token=${world.ann.accessToken}` })],
    ["one in a cookie", "Bearer", () => ({ headers: { cookie: `session=${world.ann.accessToken}` } })],
    ["garbage", invalid, () => ({ token: "garbage" })],
    ["garbage of three parts", invalid, () => ({ token: "eyJhbGciOiJIUzI1NiJ9.e30.AAAA" })],
    ["another scheme", invalid, () => ({ headers: { authorization: "Basic YW5uOnNlY3JldA==" } })],
    ["a refresh token", invalid, () => ({ token: world.ann.refreshToken })],
    ["an expired one", invalid, () => ({ token: signed({ expiresIn: -1 }) })],
    ["one that is not valid yet", invalid, () => ({ token: signed({ notBefore: 600 }) })],
    ["one of another issuer", invalid, () => ({ token: signed({ issuer: "somebody" }) })],
    ["one without a session", invalid, () => ({ token: signed({}, JWT_SECRET, { sid: undefined }) })],
    [
      "one with a role that there is not",
      invalid,
      () => ({ token: signed({}, JWT_SECRET, { role: "root" }) }),
    ],
    ["one signed with another key", invalid, () => ({ token: signed({}, `${JWT_SECRET}!`) })],
    ["one signed with an unknown key id", invalid, () => ({ token: signed({ keyid: "1" }) })],
    ["one signed with nothing", invalid, () => ({ token: reheaded(signed(), { alg: "none" }, "") })],
    ["one whose algorithm was changed", invalid, () => ({ token: reheaded(signed(), { alg: "none" }) })],
    ["one whose role was changed", invalid, () => ({ token: promoted(world.ann.accessToken) })],
    ["one of a session that has ended", invalid, async () => ({ token: await endedToken() })],
  ])("%s: refused by every route that needs one", async (_name, authenticate, given) => {
    const credentials = await given();
    const answers: Record<string, string> = {};
    const refusing = operations.filter(
      (each) => !each.open && !(each.cookie && "cookie" in (credentials.headers ?? {})),
    );
    for (const operation of refusing) {
      const { status, headers, body } = await attempt(operation, credentials);
      const said = ["content-type", "www-authenticate"].map((name) => headers.get(name));
      answers[operation.key] = [status, body?.code, ...said].join(" | ");
    }
    const right = (key: string) =>
      dialectOf(key) === undefined
        ? `401 | UNAUTHENTICATED | application/problem+json; charset=utf-8 | ${authenticate}`
        : `401 |  | ${TYPES[dialectOf(key) ?? ""] ?? "application/json"}; charset=utf-8 | ${authenticate}`;
    expect(answers).toEqual(Object.fromEntries(Object.keys(answers).map((key) => [key, right(key)])));
    expect(await annsThings()).toEqual(before);
  });
});

test.each<[string, () => string | Promise<string>]>([
  ["garbage", () => "garbage"],
  ["a refresh token", () => world.ann.refreshToken],
  ["that of a session that has ended", () => endedToken()],
])("a cookie that holds %s is refused by every route that takes one", async (_name, value) => {
  const headers = { cookie: `session=${await value()}` };
  for (const operation of operations.filter(({ cookie, open }) => cookie && !open)) {
    const { status, body } = await attempt(operation, { headers });
    expect([operation.key, status, body]).toMatchObject([operation.key, 401, { success: false }]);
  }
  expect(await annsThings()).toEqual(before);
});

describe("what is another's", () => {
  test.each(keysOf("foreign"))("%s: refused", async (key) => {
    const { status } = entries[key] ?? {};
    const code = status === 403 ? "PERMISSION_DENIED" : "NOT_FOUND";
    // The dialects say it in forms of their own, which have no code.
    const said = dialectOf(key) === undefined ? { body: { code } } : {};
    expect(await attemptOfEve(key)).toMatchObject({ status, ...said });
    expect(await annsThings()).toEqual(before);
  });

  test.each(keysOf("shared"))("%s: shown, without what is private", async (key) => {
    const { status, body } = await attemptOfEve(key);
    expect(status).toBe(200);
    const { ann, annsSession, chat, room } = world;
    expect(JSON.stringify(body)).not.toMatch(new RegExp(`${ann.email}|${annsSession}|${chat}|${room}`));
  });

  test.each(keysOf("own").filter((key) => key.startsWith("GET ")))("%s: not in it", async (key) => {
    const { status, body } = await attemptOfEve(key);
    expect(status).toBe(200);
    // Some of the dialects show ids as numbers.
    const theirs = [world.ann, world.bob].flatMap(({ userId, email }) => [
      ...[userId, `\\b${Number(userId)}\\b`, email],
    ]);
    expect(JSON.stringify(body)).not.toMatch(new RegExp([...theirs, world.annsSession].join("|")));
  });
});

test("a cursor of another's list shows nothing of that list", async () => {
  const { ann, eve } = world;
  const token = await signInAgain(ann);
  const { body } = await api("GET", "/v1/sessions?limit=1", ann.accessToken);
  const stolen = await api("GET", `/v1/sessions?cursor=${body.next_cursor}`, eve.accessToken);
  expect(JSON.stringify(stolen.body)).not.toContain(world.annsSession);
  await api("POST", "/v1/logout", token);
});

describe("actions", () => {
  const contracts = new Map<string, ActionContract>();
  const isContract = (value: unknown): value is Contract =>
    Object.values(value ?? {}).some(
      (each) => typeof each === "object" && each !== null && "audience" in each,
    );

  beforeAll(async () => {
    for await (const file of glob(fileURLToPath(new URL("../services/*/*.contract.ts", import.meta.url)))) {
      const exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
      for (const contract of Object.values(exported).filter(isContract)) {
        for (const [action, definition] of Object.entries(contract)) contracts.set(action, definition);
      }
    }
  });

  const actionsFor = (...audiences: ActionContract["audience"][]) =>
    [...contracts].filter(([, { audience }]) => audiences.includes(audience)).map(([name]) => name);
  const refusal = (action: string, meta: object) =>
    veche.broker.call(action, {}, { meta }).then(
      () => `${action}: served`,
      ({ type }: { type: string }) => `${action}: ${type}`,
    );

  test("all have a contract", () => {
    const served = veche.broker.registry.actions
      .list({ skipInternal: true, onlyLocal: true })
      .flatMap(({ name }: { name: string }) => (name.startsWith("api.") ? [] : [name]));
    expect(served.sort()).toEqual([...contracts.keys()].sort());
  });

  test("for users refuse a call from nobody, those for administrators a user too", async () => {
    const user = { id: newUserId(), sessionId: newSessionId(), role: "user" };
    const [users, admins] = [actionsFor("user", "admin"), actionsFor("admin")];
    expect(await Promise.all(users.map((name) => refusal(name, {})))).toEqual(
      users.map((name) => `${name}: UNAUTHENTICATED`),
    );
    expect(await Promise.all(admins.map((name) => refusal(name, { user })))).toEqual(
      admins.map((name) => `${name}: PERMISSION_DENIED`),
    );
  });

  test("for services are on no route, nor under their own names", async () => {
    const internal = new Set(actionsFor("services"));
    expect(routes.filter(({ action }) => internal.has(action))).toEqual([]);
    for (const name of internal) {
      for (const path of [name, name.replaceAll(".", "/"), `api/${name}`, `~${name}`]) {
        for (const method of ["GET", "POST"]) {
          const { status } = await api(method, `/${path}`, world.eve.accessToken);
          // `/v1/rooms/checkMembers` is the path of a room, with an id that is none.
          expect([400, 404, 405]).toContain(status);
        }
      }
    }
  });
});

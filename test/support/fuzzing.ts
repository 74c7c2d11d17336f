// What the fuzz suites share: a server, callers who have something in each list, and what holds for every answer.
import fc from "fast-check";
import { type Embedded, startEmbedded } from "./embedded.ts";
import {
  type Received,
  request,
  requestVerbatim,
  type SignedUp,
  signUp,
  uniqueName,
  type Verbatim,
} from "./http.ts";
import { jpeg, upload } from "./images.ts";
import { known } from "./inputs.ts";
import { AnswerCheck, fetchDocument, type Operation } from "./openapi.ts";

/** Of one property, all routes together. */
const BUDGET_MS = 4_000;
/** Of one property and route, where time is left. */
const RUNS = 150;
/** On however slow a machine. */
const LEAST_RUNS = 10;
/** No answer may take longer. */
export const DEADLINE_MS = 6_000;

export let veche: Embedded;
export let check: AnswerCheck;
export let caller: SignedUp;
/** Has a chat with the caller. */
export let bystander: SignedUp;
export let stranger: SignedUp;

export async function startFuzzing(): Promise<void> {
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
}

let image: Buffer | undefined;

/** Somebody who has something in each list. */
export async function newCaller(): Promise<void> {
  caller = await signUp(veche.baseUrl);
  const { email, password, accessToken: token, userId, refreshToken } = caller;
  const { body: session } = await request(veche.baseUrl, "POST", "/v1/login", { body: { email, password } });
  const body = { participant_id: bystander.userId };
  const chat = String((await request(veche.baseUrl, "POST", "/v1/chats", { token, body })).body.chat_id);
  for (const text of ["one", "two"]) {
    await request(veche.baseUrl, "POST", `/v1/chats/${chat}/messages`, { token, body: { text } });
  }
  const rooms: string[] = [];
  for (const _ of [1, 2]) {
    const { body: room } = await request(veche.baseUrl, "POST", "/v1/rooms", {
      token,
      body: { name: uniqueName("fuzz") },
    });
    rooms.push(String(room.id));
    const invited = { user_id: bystander.userId };
    await request(veche.baseUrl, "POST", `/v1/rooms/${room.id}/invite`, { token, body: invited });
  }
  image ??= await jpeg();
  const photo = String((await upload(veche.baseUrl, caller, image)).body.id);
  const posts: string[] = [];
  for (const text of ["fuzz of words", "words of fuzz"]) {
    posts.push(
      String((await request(veche.baseUrl, "POST", "/v1/posts", { token, body: { text } })).body.id),
    );
    const { accessToken } = bystander;
    await request(veche.baseUrl, "POST", "/v1/posts", { token: accessToken, body: { text } });
  }
  const asked = await request(veche.baseUrl, "POST", `/v1/friends/${stranger.userId}/request`, { token });
  for (const { userId: id } of [bystander, stranger]) {
    await request(veche.baseUrl, "POST", `/v1/follows/${id}`, { token });
  }
  const { body: verified } = await request(veche.baseUrl, "GET", "/v1/auth/verify", {
    token: String(session.access_token),
  });
  const ids = [userId, bystander.userId, chat];
  Object.assign(known, {
    id: [...ids, String(verified.session_id), ...rooms, ...posts],
    room: rooms,
    ...{ RoomID: rooms, roomID: rooms, UID: ids, subscription_id: ids, user_email: [email], Email: [email] },
    ...{ Password: [password], last_password: [password] },
    user_id: [...ids, stranger.userId],
    request_id: [String(asked.body.request_id)],
    participant_id: [...ids, stranger.userId],
    email: [email],
    password: [password],
    refresh_token: [refreshToken],
    photo_id: [photo],
    author: [userId, bystander.userId],
    query: ["fuzz", "words fu"],
  });
}

export const send = (sent: Verbatim): Promise<Received> =>
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
export const OF_MALFORMED = [404, 405, 431];

/** Sends it and looks at what holds for every answer. */
export async function probe(
  { method, key, responses, dialect }: Operation,
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
  if (/node_modules|\n\s+at |moleculer|nedb|mongo/i.test(JSON.stringify(body))) refuse("tells internals");
  // How the dialects say what is wrong is theirs: that is held against the document below.
  if (status >= 400 && dialect === undefined) {
    if (!headers.get("content-type")?.startsWith("application/problem+json")) refuse("not a problem");
    if (body?.status !== status || body.request_id !== answer.headers["x-request-id"])
      refuse("a wrong problem");
  }
  if (responses[status] || !OF_MALFORMED.includes(status)) {
    const faults = check.faultsOf(method, sent.target, { status, headers, body });
    if (faults.length > 0) refuse(faults.join("; "));
  }
  // A request that went through may have ended the caller's session, or changed its password.
  const spent = status < 300 && method !== "GET" && /logout|account|session|users|login_data/.test(key);
  if (spent || (status === 401 && (await send({ method: "GET", target: "/v1/me" })).status === 401)) {
    await newCaller();
  }
  return answer;
}

export const refusedPaths = ({ body }: Received): string[] =>
  ((body?.errors ?? []) as { path: string }[]).map(({ path }) => path);

/** Runs a property for each route, within the budget where that lasts for the least runs. */
export async function forEachRoute<T>(
  routes: Operation[],
  inputsOf: (operation: Operation) => fc.Arbitrary<T>,
  holds: (operation: Operation, input: T) => Promise<void>,
): Promise<void> {
  for (const operation of routes) {
    const enough = performance.now() + BUDGET_MS / routes.length;
    // fast-check's own time limit would leave the last request under way.
    let runs = 0;
    const property = async (input: T) => {
      runs += 1;
      if (runs <= LEAST_RUNS || performance.now() < enough) await holds(operation, input);
    };
    await fc.assert(fc.asyncProperty(inputsOf(operation), property), { numRuns: RUNS });
  }
}
/** Those of `/v1`, which refuses what it does not know; or those of the dialects, which don't look at it. */
export const ofV1 = () => check.operations.filter(({ dialect }) => dialect === undefined);
export const ofDialects = () => check.operations.filter(({ dialect }) => dialect !== undefined);
export const hasBody = ({ body }: Operation): boolean => body !== undefined;

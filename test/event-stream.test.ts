// Server-sent events, as a client sees them.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import jwt from "jsonwebtoken";
import { runtimeOf } from "../mixins/runtime.ts";
import type { ApiService } from "../services/api/api.service.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, JWT_SECRET, startEmbedded } from "./support/embedded.ts";
import { StreamReader } from "./support/event-stream.ts";
import { request, type SignedUp, signUp } from "./support/http.ts";

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const REQUEST_TIMEOUT_MS = 1_000;

let veche: Embedded;
let ann: SignedUp;
let bob: SignedUp;
let chat: string;
let readers: StreamReader[] = [];

const start = () =>
  startEmbedded(
    { REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) },
    { heartbeatMs: 200, connectionsPerUser: 3, bufferedBytes: 512 * 1024, closeMs: 500 },
  );

async function people(): Promise<void> {
  [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const body = { participant_id: bob.userId };
  const opened = await request(veche.baseUrl, "POST", "/v1/chats", { token: ann.accessToken, body });
  chat = String(opened.body.chat_id);
}

const say = async (text: string): Promise<number> => {
  const options = { token: ann.accessToken, body: { text } };
  const { body } = await request(veche.baseUrl, "POST", `/v1/chats/${chat}/messages`, options);
  return Number(body.sent_at_unix_ms);
};

async function follow(query = "", headers: Record<string, string> = {}, token = bob.accessToken) {
  const reader = await StreamReader.open(`${veche.baseUrl}/v1/chats/${chat}/stream${query}`, token, headers);
  readers.push(reader);
  return reader;
}

const feedsOf = () => (veche.broker.getLocalService("api") as unknown as ApiService).realtime?.feeds.size;

function closeAll(): void {
  for (const reader of readers) reader.close();
  readers = [];
}

describe("a stream", () => {
  beforeAll(async () => {
    veche = await start();
  });
  beforeEach(people);
  afterEach(() => {
    closeAll();
    return eventually(() => feedsOf() === 0);
  });
  afterAll(() => veche.stop());

  test("brings what is new, with its seq as id, and no proxy keeps or gathers it", async () => {
    await say("before");
    const reader = await follow();
    expect(reader.answer.statusCode).toBe(200);
    expect(reader.answer.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-request-id": expect.any(String),
    });
    await say("a line\nand another\r\n\n€");
    await reader.got(1);
    expect(reader.events).toEqual([
      {
        id: "2",
        event: "message",
        data: expect.objectContaining({ op: "message", seq: 2, text: "a line\nand another\r\n\n€" }),
      },
    ]);
  });

  test("is resumed behind Last-Event-ID over several pages, while more arrives, whatever the query says", async () => {
    for (const i of numbers(1, 120)) await say(`number ${i}`);
    const reader = await follow("?since_unix_ms=0", { "last-event-id": "7" });
    for (const i of numbers(121, 140)) await say(`number ${i}`);
    await reader.got(133);
    expect(reader.seqs).toEqual(numbers(8, 140));
    expect((await follow("", { "last-event-id": "999999" })).answer.statusCode).toBe(200);
  });

  test("begins at a time", async () => {
    const times: number[] = [];
    for (const i of numbers(1, 9)) {
      times.push(await say(`number ${i}`));
      await eventually(() => Date.now() > (times.at(-1) ?? 0), { every: 1 });
    }
    for (const [i, time] of times.entries()) {
      const reader = await follow(`?since_unix_ms=${time}`);
      await reader.got(9 - i);
      expect(reader.seqs).toEqual(numbers(i + 1, 9));
      reader.close();
      await eventually(() => feedsOf() === 0);
    }
    const all = await follow("?since_unix_ms=0");
    await all.got(9);
    const later = await follow(`?since_unix_ms=${(times.at(-1) ?? 0) + 1}`);
    await say("number 10");
    await later.got(1);
    expect(later.seqs).toEqual([10]);
  });

  test("outlives the deadline of requests, and is kept alive by comments", async () => {
    const reader = await follow();
    await eventually(() => reader.comments * 200 > 2 * REQUEST_TIMEOUT_MS);
    await say("still there?");
    await reader.got(1);
  });

  test("ends with its session, and with its token", async () => {
    const reader = await follow();
    const { sid } = jwt.decode(ann.accessToken) as { sid: string };
    const options = { subject: ann.userId, issuer: "veche", expiresIn: 2 };
    const short = await follow("", {}, jwt.sign({ sid, role: "user" }, JWT_SECRET, options));
    await request(veche.baseUrl, "POST", "/v1/logout", { token: bob.accessToken });
    expect(await reader.end()).toBe(true);
    expect(reader.events).toEqual([{ event: "session_revoked", data: { op: "session_revoked" } }]);
    expect((await follow()).answer.statusCode).toBe(401);
    expect(short.answer.statusCode).toBe(200);
    expect(await short.end()).toBe(true);
  });

  test("counts among its user's connections", async () => {
    const [first] = [await follow(), await follow(), await follow()];
    const path = `/v1/chats/${chat}/stream`;
    const refused = await request(veche.baseUrl, "GET", path, { token: bob.accessToken });
    expect(refused).toMatchObject({ status: 429, body: { code: "RESOURCE_EXHAUSTED" } });
    first?.close();
    await eventually(async () => (await follow()).answer.statusCode === 200);
  });

  test("that is not read is cut, holds nobody back, and is resumed without a hole", async () => {
    const slow = await follow();
    slow.answer.pause();
    const quick = await follow("", {}, ann.accessToken);
    const text = "€".repeat(2_000);
    const meta = { user: { id: ann.userId, sessionId: crypto.randomUUID(), role: "user" } };
    const count = 2_500;
    for (let sent = 0; sent < count; sent += 50) {
      const some = numbers(1, 50).map(() =>
        veche.broker.call("v1.chat.sendMessage", { id: chat, text }, { meta }),
      );
      await Promise.all(some);
      await quick.got(sent + 50);
    }
    slow.answer.resume();
    expect(await slow.end()).toBe(false);
    const last = slow.seqs.length;
    expect(last).toBeLessThan(count);
    expect(slow.seqs).toEqual(numbers(1, last));
    const again = await follow("", { "last-event-id": String(last) });
    await again.got(count - last);
    expect(again.seqs).toEqual(numbers(last + 1, count));
    expect(quick.seqs).toEqual(numbers(1, count));
  });

  test.each<[string, number, string, string, Record<string, string>]>([
    ["a chat that is none", 404, "1", "", {}],
    ["an id that is none", 400, "square", "", {}],
    ["a time that is none", 400, "", "?since_unix_ms=yesterday", {}],
    ["a time before all", 400, "", "?since_unix_ms=-1", {}],
    ["an unknown param", 400, "", "?after=1", {}],
    ["a last id that is none", 400, "", "", { "last-event-id": "one" }],
  ])("of %s is refused with %i before it begins", async (_name, status, id, query, headers) => {
    for (const method of ["GET", "HEAD"]) {
      const path = `/v1/chats/${id || chat}/stream${query}`;
      const answer = await request(veche.baseUrl, method, path, { token: bob.accessToken, headers });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
    }
  });

  test("is not for others; HEAD says what GET would begin with, and other methods are refused", async () => {
    const { accessToken } = await signUp(veche.baseUrl);
    const path = `/v1/chats/${chat}/stream`;
    expect(await request(veche.baseUrl, "GET", path, { token: accessToken })).toMatchObject({ status: 403 });
    const head = await request(veche.baseUrl, "HEAD", path, { token: bob.accessToken });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const post = await request(veche.baseUrl, "POST", path, { token: bob.accessToken });
    expect(post.status).toBe(405);
    expect(post.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });
});

test("a gateway that goes away ends its streams, and does not wait for their readers", async () => {
  veche = await start();
  await people();
  const [reader, stuck] = [await follow(), await follow()];
  stuck.answer.pause();
  await say("hello");
  await reader.got(1);
  await runtimeOf(veche.broker).lifecycle.closeDoors();
  expect(await reader.end()).toBe(true);
  closeAll();
  await veche.stop();
});

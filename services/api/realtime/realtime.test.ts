import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { type ChatBroker, makeChat, testConfig } from "../../../test/support/chat.ts";
import {
  addGateway,
  gatewayOf,
  gatewayReady,
  Socket,
  somebody,
  tokenOf,
} from "../../../test/support/gateway.ts";

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

let chat: ChatBroker;
beforeAll(async () => {
  chat = makeChat(testConfig({ CORS_ORIGIN: "https://web.example" }));
  addGateway(chat.broker, {
    authDeadlineMs: 300,
    connectionsPerUser: 3,
    heartbeatMs: 100,
    framesPerSecond: 500,
    bufferedBytes: 512 * 1024,
  });
  await chat.broker.start();
  await gatewayReady(chat.broker);
});
afterAll(() => chat.broker.stop());

async function chatOf(ann: Caller, bob: Caller): Promise<string> {
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id } = await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  return chat_id;
}

const say = (user: Caller, id: string, text: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text, nonce: crypto.randomUUID() }, { meta: { user } });

async function talk(ann: Caller, id: string, from: number, to: number) {
  for (const i of numbers(from, to)) await say(ann, id, `number ${i}`);
}

async function pair() {
  const [ann, bob] = [somebody(), somebody()];
  return { ann, bob, id: await chatOf(ann, bob) };
}

describe("a conversation", () => {
  test("of two: what one sends is acknowledged, and both get it", async () => {
    const { ann, bob, id } = await pair();
    const [a, b] = await Promise.all([Socket.signedIn(chat.broker, ann), Socket.signedIn(chat.broker, bob)]);
    for (const socket of [a, b]) {
      socket.push({ op: "subscribe", conversation: id });
      expect(await socket.got("subscribed")).toEqual({ op: "subscribed", conversation: id, seq: 0 });
    }
    a.push({ op: "send", conversation: id, text: "Hello, Bob", nonce: "n-1" });
    const ack = await a.got("ack");
    const acknowledged = { op: "ack", conversation: id, nonce: "n-1", seq: 1 };
    expect(ack).toEqual({ ...acknowledged, sent_at_unix_ms: expect.any(Number) });
    const message = {
      op: "message",
      id: `${id}.0000000000000001`,
      conversation_id: id,
      seq: 1,
      sender_id: ann.id,
      type: "message",
      text: "Hello, Bob",
      sent_at_unix_ms: ack.sent_at_unix_ms,
    };
    expect(await b.got("message")).toEqual(message);
    expect(await a.got("message")).toEqual(message);
    b.push({ op: "unsubscribe", conversation: id });
    await b.got("unsubscribed");
    a.push({ op: "send", conversation: id, text: "Are you there?", nonce: "n-2" });
    await a.got("message", 2);
    expect(b.seqs()).toEqual([1]);
  });

  test("keeps the order of one connection's sends, also when they come at once", async () => {
    const { ann, id } = await pair();
    const a = await Socket.signedIn(chat.broker, ann);
    a.push({ op: "subscribe", conversation: id });
    for (const i of numbers(1, 100)) {
      a.push({ op: "send", conversation: id, text: `number ${i}`, nonce: `n${i}` });
    }
    await a.got("ack", 100);
    await a.got("message", 100);
    expect(a.all("message").map(({ text }) => text)).toEqual(numbers(1, 100).map((i) => `number ${i}`));
    expect(a.seqs()).toEqual(numbers(1, 100));
  });

  test("is resumed after a seq, over several pages, while more arrives", async () => {
    const { ann, bob, id } = await pair();
    await talk(ann, id, 1, 180);
    const b = await Socket.signedIn(chat.broker, bob);
    const more = talk(ann, id, 181, 260);
    b.push({ op: "subscribe", conversation: id, after: 17 });
    await more;
    await b.got("message", 243);
    expect(b.seqs()).toEqual(numbers(18, 260));
    b.push({ op: "subscribe", conversation: id, after: 258 });
    await b.got("message", 245);
    expect(b.seqs().slice(243)).toEqual([259, 260]);
  });

  test("is resumed beside many others without passing for a slow reader", async () => {
    const ann = somebody();
    const chats = await Promise.all(numbers(1, 40).map(() => chatOf(ann, somebody())));
    const text = "€".repeat(2_000);
    await Promise.all(chats.flatMap((id) => numbers(1, 50).map(() => say(ann, id, text))));
    const a = await Socket.signedIn(chat.broker, ann);
    for (const conversation of chats) a.push({ op: "subscribe", conversation, after: 0 });
    await a.got("message", 2_000);
    expect(a.closeCode).toBeUndefined();
  });

  test("is not for others, whose connection stays", async () => {
    const { id } = await pair();
    const eve = await Socket.signedIn(chat.broker, somebody());
    eve.push({ op: "subscribe", conversation: id });
    expect(await eve.got("error")).toMatchObject({ code: "PERMISSION_DENIED", conversation: id });
    eve.push({ op: "send", conversation: id, text: "hello", nonce: "n" });
    expect(await eve.got("error", 2)).toMatchObject({ code: "PERMISSION_DENIED", nonce: "n" });
    eve.push({ op: "ping" });
    await eve.got("pong");
  });

  test("is listened to only while somebody here does", async () => {
    const { feeds } = gatewayOf(chat.broker).realtime;
    const { ann, bob, id } = await pair();
    const before = feeds.size;
    const [a, b] = await Promise.all([Socket.signedIn(chat.broker, ann), Socket.signedIn(chat.broker, bob)]);
    a.push({ op: "subscribe", conversation: id });
    b.push({ op: "subscribe", conversation: id });
    await Promise.all([a.got("subscribed"), b.got("subscribed")]);
    expect(feeds.size).toBe(before + 1);
    a.push({ op: "unsubscribe", conversation: id });
    await a.got("unsubscribed");
    expect(feeds.size).toBe(before + 1);
    b.raw.close();
    await eventually(() => feeds.size === before);
    a.raw.close();
  });
});

describe("frames that are wrong get an error, and the connection stays", () => {
  test.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["an unknown op", { op: "dance" }],
    ["an unknown field", { op: "ping", loud: true }],
    ["a wrong id", { op: "subscribe", conversation: "square" }],
    ["an empty text", { op: "send", conversation: "1", text: " ", nonce: "n" }],
    ["a text too long", { op: "send", conversation: "1", text: "x".repeat(2_001), nonce: "n" }],
    ["no nonce", { op: "send", conversation: "1", text: "hello" }],
  ])("%s", async (_name, frame) => {
    const a = await Socket.signedIn(chat.broker, somebody());
    a.push(frame);
    expect(await a.got("error")).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.any(String) });
    a.push({ op: "ping" });
    await a.got("pong");
    a.raw.close();
  });

  test("a binary one", async () => {
    const a = await Socket.signedIn(chat.broker, somebody());
    a.raw.send(Buffer.from('{"op":"ping"}'));
    expect(await a.got("error")).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(a.all("pong")).toEqual([]);
  });

  test("the nonce of a wrong send comes back", async () => {
    const a = await Socket.signedIn(chat.broker, somebody());
    a.push({ op: "send", conversation: "1", text: "", nonce: "n-7" });
    expect(await a.got("error")).toMatchObject({ code: "INVALID_ARGUMENT", nonce: "n-7" });
  });
});

describe("who connects", () => {
  test("may bring the token in the query or in the first frame", async () => {
    const ann = somebody();
    const byQuery = new Socket(chat.broker, `/v1/ws?access_token=${tokenOf(ann)}`);
    const ready = { op: "ready", user_id: ann.id, session_id: ann.sessionId, heartbeat_ms: 100 };
    expect(await byQuery.got("ready")).toEqual(ready);
    const byFrame = new Socket(chat.broker);
    await eventually(() => byFrame.raw.readyState === byFrame.raw.OPEN);
    byFrame.push({ op: "ping" });
    expect(await byFrame.got("error")).toMatchObject({ code: "UNAUTHENTICATED" });
    byFrame.push({ op: "auth", token: tokenOf(ann) });
    expect(await byFrame.got("ready")).toEqual(ready);
  });

  test("has to bring one in time", async () => {
    expect(await new Socket(chat.broker).closed()).toBe(4001);
  });

  test("is sent away with a bad one", async () => {
    const socket = new Socket(chat.broker, "/v1/ws?access_token=nonsense");
    expect(await socket.closed()).toBe(4001);
    expect(socket.frames).toMatchObject([{ op: "error", code: "UNAUTHENTICATED" }]);
  });

  test("goes when the token ends, unless it was renewed by the same user", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const [a, b] = await Promise.all([
      Socket.signedIn(chat.broker, ann, 3),
      Socket.signedIn(chat.broker, bob, 3),
    ]);
    b.push({ op: "auth", token: tokenOf(ann) });
    expect(await b.got("error")).toMatchObject({ code: "PERMISSION_DENIED" });
    a.push({ op: "auth", token: tokenOf(ann) });
    await a.got("ready", 2);
    expect(await b.closed()).toBe(4001);
    a.push({ op: "ping" });
    await a.got("pong");
  });

  test("goes when the session is revoked", async () => {
    const ann = somebody();
    const a = await Socket.signedIn(chat.broker, ann);
    const other = await Socket.signedIn(chat.broker, { ...ann, sessionId: somebody().sessionId });
    gatewayOf(chat.broker).gateway.revocations.add([ann.sessionId]);
    expect(await a.closed()).toBe(4001);
    expect(a.all("session_revoked")).toHaveLength(1);
    other.push({ op: "ping" });
    await other.got("pong");
  });

  test("may have only so many connections", async () => {
    const ann = somebody();
    for (let i = 0; i < 3; i++) await Socket.signedIn(chat.broker, ann);
    const fourth = new Socket(chat.broker, `/v1/ws?access_token=${tokenOf(ann)}`);
    expect(await fourth.closed()).toBe(4009);
  });

  test.each([
    ["https://web.example", 101],
    ["https://evil.example", 403],
    ["null", 403],
  ])("from a page of %s gets %i", async (origin, status) => {
    const socket = new Socket(chat.broker, "/v1/ws", { origin });
    const answer = new Promise((resolve) => {
      socket.raw.on("upgrade", () => resolve(101));
      socket.raw.on("unexpected-response", (_req, { statusCode }) => resolve(statusCode));
    });
    expect(await answer).toBe(status);
  });

  test("somewhere else gets 404, and another kind of upgrade is a plain request", async () => {
    const elsewhere = new Socket(chat.broker, "/v1/elsewhere");
    const status = new Promise((resolve) =>
      elsewhere.raw.on("unexpected-response", (_req, { statusCode }) => resolve(statusCode)),
    );
    expect(await status).toBe(404);
    const { port } = gatewayOf(chat.broker).server.address() as AddressInfo;
    const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABk" };
    const plain = await new Promise<number | undefined>((resolve, reject) => {
      request({ port, host: "127.0.0.1", path: "/", headers }, (res) => resolve(res.statusCode))
        .on("error", reject)
        .end();
    });
    expect(plain).toBe(404);
  });
});

describe("a connection ends", () => {
  test("with 1009 after a frame that is too large", async () => {
    const a = await Socket.signedIn(chat.broker, somebody());
    a.push("x".repeat(16 * 1024 + 1));
    expect(await a.closed()).toBe(1009);
  });

  test("with 4029 after too many frames", async () => {
    const a = await Socket.signedIn(chat.broker, somebody());
    for (let i = 0; i < 1_200; i++) a.push({ op: "ping" });
    expect(await a.closed()).toBe(4029);
  });

  test("when it leaves pings unanswered", async () => {
    const a = await Socket.signedIn(chat.broker, somebody());
    a.raw.pong = () => {};
    expect(await a.closed()).toBe(1006);
  });
});

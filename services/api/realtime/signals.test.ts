import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { call } from "../../../lib/contract.ts";
import type { ChatBroker } from "../../../test/support/chat.ts";
import { Socket, somebody, startLive } from "../../../test/support/gateway.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive();
});
afterAll(() => chat.broker.stop());

test("reading and typing is told to the others who are there, and kept nowhere", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const as = { meta: { user: ann } };
  const params = { participant_id: bob.id };
  const { chat_id: id } = await call(chat.broker, "v1.chat.createDirectChat", params, as);
  const say = (text: string) =>
    call(chat.broker, "v1.chat.sendMessage", { id, text, nonce: crypto.randomUUID() }, as);
  for (const text of ["one", "two"]) await say(text);
  const [a, b] = await Promise.all([Socket.signedIn(chat.broker, ann), Socket.signedIn(chat.broker, bob)]);
  b.push({ op: "typing", conversation: id });
  expect(await b.got("error")).toMatchObject({ code: "FAILED_PRECONDITION", conversation: id });
  for (const socket of [a, b]) {
    socket.push({ op: "subscribe", conversation: id });
    await socket.got("subscribed");
  }
  b.push({ op: "typing", conversation: id });
  b.push({ op: "read", conversation: id, seq: 9 });
  expect(await a.got("typing")).toEqual({ op: "typing", conversation: id, user_id: bob.id });
  expect(await a.got("read")).toEqual({ op: "read", conversation: id, user_id: bob.id, seq: 2 });
  await say("three");
  await b.got("message");
  expect([...b.all("typing"), ...b.all("read")]).toEqual([]);
  const eve = await Socket.signedIn(chat.broker, somebody());
  eve.push({ op: "read", conversation: id, seq: 1 });
  expect(await eve.got("error")).toMatchObject({ code: "PERMISSION_DENIED", conversation: id });
});

test("a user is told on all devices when somebody opens a chat, and nobody else is", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const sockets = await Promise.all([bob, bob, ann].map((user) => Socket.signedIn(chat.broker, user)));
  const params = { participant_id: bob.id };
  const as = { meta: { user: ann } };
  const { chat_id: id } = await call(chat.broker, "v1.chat.createDirectChat", params, as);
  for (const socket of sockets.slice(0, 2)) {
    expect(await socket.got("chat_created")).toEqual({
      op: "chat_created",
      chat: { id, participant_ids: [ann.id, bob.id].sort(), created_at_unix_ms: expect.any(Number) },
    });
  }
  expect(sockets[2]?.all("chat_created")).toEqual([]);
});

test("that somebody types is told once a second at most, however often the client says so", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const as = { meta: { user: ann } };
  const params = { participant_id: bob.id };
  const { chat_id: id } = await call(chat.broker, "v1.chat.createDirectChat", params, as);
  const [a, b] = [await Socket.signedIn(chat.broker, ann), await Socket.signedIn(chat.broker, bob)];
  for (const socket of [a, b]) {
    socket.push({ op: "subscribe", conversation: id });
    await socket.got("subscribed");
  }
  const began = performance.now();
  for (let i = 0; i < 20; i++) a.push({ op: "typing", conversation: id });
  for (let i = 2; i < 5; i++) {
    a.push({ op: "subscribe", conversation: id });
    await a.got("subscribed", i);
    a.push({ op: "typing", conversation: id });
  }
  a.push({ op: "send", conversation: id, text: "hello", nonce: "n" });
  await b.got("message");
  const seconds = (performance.now() - began) / 1_000;
  expect(b.all("typing").length).toBeGreaterThan(0);
  expect(b.all("typing").length).toBeLessThanOrEqual(1 + seconds);
});

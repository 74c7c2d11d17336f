import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Errors } from "moleculer";
import { call } from "../../../lib/contract.ts";
import { unavailable } from "../../../lib/errors.ts";
import type { ChatBroker } from "../../../test/support/chat.ts";
import { addUsers, callsOf, makeBroker, testConfig } from "../../../test/support/chat.ts";
import { addGateway, gatewayReady, Socket, somebody, startLive } from "../../../test/support/gateway.ts";
import { hold } from "../../../test/support/held.ts";
import { MAX_SENT_AT_ONCE } from "../../chat/chat.contract.ts";
import chatService from "../../chat/chat.service.ts";
import type { MessageLog } from "../../chat/message-log.ts";
import roomsService from "../../rooms/rooms.service.ts";
import socialService from "../../social/social.service.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive();
});
afterAll(() => chat.broker.stop());

/** What is pushed by `burst` waits behind a message that is being kept. */
async function behindAnother({ subscribed = false } = {}) {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const meta = { user: ann };
  const opened = await call(chat.broker, "v1.chat.createDirectChat", { participant_id: bob.id }, { meta });
  const conversation = opened.chat_id;
  const socket = await Socket.signedIn(chat.broker, ann);
  if (subscribed) {
    socket.push({ op: "subscribe", conversation });
    await socket.got("subscribed");
  }
  const { log } = chat.broker.getLocalService({ name: "chat", version: 1 }) as unknown as { log: object };
  const held = hold(log, "append");
  const send = (nonce: string, text = nonce) => ({ op: "send", conversation, text, nonce });
  socket.push(send("first"));
  await held.reached;
  const before = callsOf(chat.broker, "v1.chat.sendMessages");
  return {
    conversation,
    socket,
    send,
    async burst(frames: object[]) {
      for (const frame of frames) socket.push(frame);
      socket.push({ op: "ping" });
      await socket.got("pong");
      held.release();
    },
    /** Answered by calls of several messages. */
    calls: () => callsOf(chat.broker, "v1.chat.sendMessages") - before,
    texts: async () => {
      const params = { id: conversation, after: 0, limit: 100 };
      const page = await call(chat.broker, "v1.chat.listMessages", params, { meta });
      return page.messages.map(({ text }) => text);
    },
  };
}

test("what waits goes into the log by few calls, in its order, and each message is acknowledged", async () => {
  const { socket, send, burst, calls, texts } = await behindAnother();
  const nonces = Array.from({ length: 2 * MAX_SENT_AT_ONCE }, (_, i) => `n-${i}`);
  await burst(nonces.map((nonce) => send(nonce)));
  await socket.got("ack", nonces.length + 1);
  const acks = socket.all("ack").map(({ nonce, seq }) => [nonce, seq]);
  expect(acks).toEqual(["first", ...nonces].map((nonce, i) => [nonce, i + 1]));
  expect(await texts()).toEqual(["first", ...nonces]);
  expect(calls()).toBe(2);
});

test("what can't be kept is refused by itself, whatever it came with", async () => {
  const { conversation, socket, send, burst, calls, texts } = await behindAnother();
  await burst([send("a"), send("first", "another text"), send("b"), send("a")]);
  const refused = { code: "ALREADY_EXISTS", nonce: "first", conversation, of: "send" };
  expect(await socket.got("error")).toMatchObject(refused);
  await socket.got("ack", 4);
  const acks = socket.all("ack").map(({ nonce, seq }) => [nonce, seq]);
  expect(acks).toEqual([
    ["first", 1],
    ["a", 2],
    ["b", 3],
    ["a", 2],
  ]);
  expect(await texts()).toEqual(["first", "a", "b"]);
  expect(calls()).toBe(1);
});

test.each(["read", "typing"])("a %s that comes between two messages stays between them", async (op) => {
  const { conversation, socket, send, burst, calls } = await behindAnother({ subscribed: true });
  await burst([send("a"), { op, conversation, ...(op === "read" ? { seq: 1 } : {}) }, send("b")]);
  await socket.got("ack", 3);
  expect(calls()).toBe(0);
});

/** Has the log fail for these nonces. @returns ends it */
function failing(nonces: string[], error: Error): () => void {
  const { log } = chat.broker.getLocalService({ name: "chat", version: 1 }) as unknown as { log: MessageLog };
  const { append } = log;
  log.append = (id, draft) =>
    nonces.includes(draft.nonce) ? Promise.reject(error) : append.call(log, id, draft);
  return () => {
    log.append = append;
  };
}

test("a fault that nobody foresaw is of its own message alone", async () => {
  const { socket, send, burst } = await behindAnother();
  const end = failing(["b"], new TypeError("a bug"));
  await burst([send("a"), send("b"), send("c")]);
  expect(await socket.got("error")).toMatchObject({ code: "INTERNAL", nonce: "b" });
  await socket.got("ack", 3);
  expect(socket.all("ack").map(({ nonce }) => nonce)).toEqual(["first", "a", "c"]);
  end();
});

test("of what a part of the mesh that is away refuses, the client is told to try again", async () => {
  const { socket, send, burst } = await behindAnother();
  const end = failing(["b"], new Errors.ServiceNotAvailableError({ action: "v1.rooms.checkMembers" }));
  await burst([send("a"), send("b")]);
  expect(await socket.got("error")).toMatchObject({ code: "UNAVAILABLE", nonce: "b", retry_after: 1 });
  await socket.got("ack", 2);
  end();
});

test("where all fail the call does, so that the circuit breaker counts it", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const meta = { user: ann };
  const { chat_id: id } = await call(
    chat.broker,
    "v1.chat.createDirectChat",
    { participant_id: bob.id },
    { meta },
  );
  const end = failing(["a", "b"], unavailable());
  const sent = (...nonces: string[]) =>
    call(
      chat.broker,
      "v1.chat.sendMessages",
      { id, messages: nonces.map((nonce) => ({ text: nonce, nonce })) },
      { meta },
    );
  await expect(sent("a", "b")).rejects.toMatchObject({ type: "UNAVAILABLE" });
  const some = await sent("a", "c");
  expect(some.sent).toMatchObject([{ refused: { type: "UNAVAILABLE" } }, { seq: 1, text: "c" }]);
  end();
});

test("where chat services are of a version that knows no bursts, each message goes by itself, in its order", async () => {
  const before = makeBroker(testConfig());
  const { sendMessages, ...actions } = chatService.actions ?? {};
  expect(sendMessages).toBeDefined();
  before.createService({ ...chatService, actions });
  for (const service of [roomsService, socialService]) before.createService({ ...service });
  const users = addUsers(before);
  addGateway(before);
  await before.start();
  try {
    await gatewayReady(before);
    const [ann, bob] = [somebody(), somebody()];
    users.add(bob.id);
    const as = { meta: { user: ann } };
    const params = { participant_id: bob.id };
    const { chat_id: conversation } = await call(before, "v1.chat.createDirectChat", params, as);
    const socket = await Socket.signedIn(before, ann);
    const nonces = Array.from({ length: 20 }, (_, i) => `n-${i}`);
    for (const nonce of nonces) socket.push({ op: "send", conversation, text: nonce, nonce });
    await socket.got("ack", nonces.length);
    expect(socket.all("ack").map(({ nonce, seq }) => [nonce, seq])).toEqual(
      nonces.map((nonce, i) => [nonce, i + 1]),
    );
    expect(socket.all("error")).toEqual([]);
  } finally {
    await before.stop();
  }
});

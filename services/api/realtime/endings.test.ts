import { afterEach, expect, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { type ChatBroker, makeChat } from "../../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, Socket, somebody } from "../../../test/support/gateway.ts";
import type { Limits } from "./limits.ts";

let chat: ChatBroker;
afterEach(() => chat.broker.stop());

async function start(limits: Partial<Limits> = {}): Promise<void> {
  chat = makeChat();
  addGateway(chat.broker, limits);
  await chat.broker.start();
  await gatewayReady(chat.broker);
}

async function chatOf(ann: Caller, bob: Caller): Promise<string> {
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id } = await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  return chat_id;
}

test("a slow reader is told to resume with 4008, and holds nobody back", async () => {
  await start({ bufferedBytes: 512 * 1024 });
  const [ann, bob] = [somebody(), somebody()];
  const id = await chatOf(ann, bob);
  const [slow, quick] = await Promise.all([
    Socket.signedIn(chat.broker, bob),
    Socket.signedIn(chat.broker, ann),
  ]);
  for (const socket of [slow, quick]) socket.push({ op: "subscribe", conversation: id });
  await Promise.all([slow.got("subscribed"), quick.got("subscribed")]);
  slow.raw.pause();
  // More than the kernel's buffers take, too.
  const text = "€".repeat(2_000);
  const count = 2_500;
  for (let sent = 0; sent < count; sent += 50) {
    const some = Array.from({ length: 50 }, () =>
      call(
        chat.broker,
        "v1.chat.sendMessage",
        { id, text, nonce: crypto.randomUUID() },
        { meta: { user: ann } },
      ),
    );
    await Promise.all(some);
    await quick.got("message", sent + 50);
  }
  slow.raw.resume();
  expect(await slow.closed()).toBe(4008);
  const seqs = slow.seqs();
  expect(seqs.length).toBeLessThan(count);
  expect(seqs).toEqual(seqs.map((_, i) => i + 1));

  const again = await Socket.signedIn(chat.broker, bob);
  again.push({ op: "subscribe", conversation: id, after: seqs.length });
  await again.got("message", count - seqs.length);
  expect(again.seqs()).toEqual(Array.from({ length: count - seqs.length }, (_, i) => seqs.length + i + 1));
});

test("at a shutdown what is being sent is acknowledged, then the client is told to go elsewhere with 1001", async () => {
  await start();
  const [ann, bob] = [somebody(), somebody()];
  const id = await chatOf(ann, bob);
  const a = await Socket.signedIn(chat.broker, ann);
  for (let i = 0; i < 90; i++) a.push({ op: "send", conversation: id, text: "hello", nonce: `n${i}` });
  await a.got("ack");
  await gatewayOf(chat.broker).realtime.close();
  expect(await a.closed()).toBe(1001);
  const { seq: kept } = await call(
    chat.broker,
    "v1.chat.listMessages",
    { id, limit: 1 },
    { meta: { user: ann } },
  );
  expect(a.all("ack")).toHaveLength(kept);
  expect(a.all("error")).toEqual([]);
  const late = new Socket(chat.broker);
  const status = new Promise((resolve) =>
    late.raw.on("unexpected-response", (_req, { statusCode }) => resolve(statusCode)),
  );
  expect(await status).toBe(503);
  await eventually(() => gatewayOf(chat.broker).realtime.connections.size === 0);
});

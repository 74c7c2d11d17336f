import { afterEach, expect, jest, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import type { ChatBroker } from "../../../test/support/chat.ts";
import { gatewayOf, Socket, somebody, startLive } from "../../../test/support/gateway.ts";
import type { Limits } from "./limits.ts";

let chat: ChatBroker;
afterEach(() => chat.broker.stop());

async function start(limits: Partial<Limits> = {}): Promise<void> {
  chat = await startLive(limits);
}

async function chatOf(ann: Caller, bob: Caller): Promise<string> {
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id } = await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  return chat_id;
}

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

test("a frame that fails on our side is logged under the id that its client is told, and tells nothing else", async () => {
  await start();
  const [ann, bob] = [somebody(), somebody()];
  const id = await chatOf(ann, bob);
  const logged: unknown[] = [];
  jest.spyOn(chat.broker.logger, "error").mockImplementation((...line: unknown[]) => logged.push(line));
  const { log } = chat.broker.getLocalService({ name: "chat", version: 1 }) as unknown as {
    log: { append(): unknown };
  };
  log.append = () => Promise.reject(new TypeError("the secret cause"));
  const a = await Socket.signedIn(chat.broker, ann);
  a.push({ op: "send", conversation: id, text: "hello", nonce: "n" });
  const refusal = await a.got("error");
  expect(refusal).toMatchObject({ code: "INTERNAL", nonce: "n", request_id: expect.any(String) });
  expect(JSON.stringify(refusal)).not.toContain("secret");
  const line = logged.find((each) => JSON.stringify(each).includes(String(refusal.request_id)));
  expect(JSON.stringify(line)).toContain("the secret cause");
});

test("how many connections are open is a metric", async () => {
  await start();
  const open = () => {
    const [counted] = chat.broker.metrics.getMetric("veche.realtime.connections")?.snapshot() ?? [];
    return (counted as { value?: number } | undefined)?.value;
  };
  expect(open()).toBe(0);
  const [a, b] = [somebody(), somebody()];
  const first = await Socket.signedIn(chat.broker, a);
  await Socket.signedIn(chat.broker, b);
  expect(open()).toBe(2);
  first.raw.close();
  await eventually(() => open() === 1);
});

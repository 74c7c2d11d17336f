import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Caller, call } from "../../lib/contract.ts";
import { newDirectChatId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { makeChat } from "../../test/support/chat.ts";
import { startEmbedded } from "../../test/support/embedded.ts";
import {
  addDoor,
  addGateway,
  gatewayOf,
  gatewayReady,
  somebody,
  tokenOf,
} from "../../test/support/gateway.ts";
import {
  type Frame,
  messageFrame,
  ScriptedGateway,
  type Visitor,
} from "../../test/support/scripted-gateway.ts";
import { SteadyConnection } from "./steady-connection.ts";
import type { State, SteadyOptions } from "./steady-options.ts";

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const backoff = { baseMs: 10, maxMs: 100 };

let open: { close(): unknown }[] = [];
let ann: Caller;
beforeEach(() => {
  ann = somebody();
});
afterEach(async () => {
  for (const each of open.toReversed()) await each.close();
  open = [];
});

function connect(url: string, more: Partial<SteadyOptions> = {}) {
  const states: State[] = [];
  const options = { url, token: () => tokenOf(ann), backoff, onState: (state: State) => states.push(state) };
  const connection = new SteadyConnection({ ...options, ...more });
  open.push(connection);
  return { connection, states };
}

/** A gateway that says at once that it is ready. */
async function scripted(answer: (frame: Frame, visitor: Visitor) => void) {
  const gateway = await ScriptedGateway.start((frame, visitor) => {
    if (frame.op === "auth") visitor.reply({ op: "ready" });
    answer(frame, visitor);
  });
  open.push(gateway);
  return gateway;
}

test.each([1001, 4008, 1011])(
  "closed with %i, it resumes behind the last entry and sends again what was not acknowledged",
  async (code) => {
    const chat = newDirectChatId();
    const { url, got } = await scripted((frame, { reply, socket, nth }) => {
      if (frame.op === "subscribe") {
        const after = Number(frame.after ?? 5);
        reply({ op: "subscribed", conversation: chat, seq: 5 });
        for (const seq of numbers(after + 1, after + 2)) reply(messageFrame(chat, seq));
      }
      if (frame.op === "send" && nth === 1 && frame.text === "two") socket.close(code);
      else if (frame.op === "send") reply({ op: "ack", nonce: frame.nonce, seq: nth, sent_at_unix_ms: 1 });
    });
    const { connection, states } = connect(url);
    const seen: number[] = [];
    connection.subscribe(chat, ({ seq }) => seen.push(seq));
    expect(await connection.send(chat, "one", "n-1")).toMatchObject({ seq: 1 });
    expect(await connection.send(chat, "two", "n-2")).toMatchObject({ seq: 2 });
    await eventually(() => seen.length === 4);
    expect(seen).toEqual([6, 7, 8, 9]);
    const resumed = { op: "subscribe", conversation: chat, after: 7 };
    const again = { op: "send", conversation: chat, text: "two", nonce: "n-2" };
    expect(got[1]).toEqual([{ op: "auth", token: expect.any(String) }, resumed, again]);
    expect(states).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
  },
);

test("sends more slowly than a gateway allows, and in order", async () => {
  const chat = newDirectChatId();
  const times: number[] = [];
  const { url, got } = await scripted((frame, { reply }) => {
    times.push(performance.now());
    if (frame.op === "send") reply({ op: "ack", nonce: frame.nonce, seq: 1, sent_at_unix_ms: 1 });
  });
  const { connection } = connect(url);
  await Promise.all(numbers(1, 130).map((i) => connection.send(chat, `${i}`, `n-${i}`)));
  expect(got).toHaveLength(1);
  expect(got[0]?.slice(1).map(({ nonce }) => nonce)).toEqual(numbers(1, 130).map((i) => `n-${i}`));
  const inAnySecond = times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length);
  expect(Math.max(...inAnySecond)).toBeLessThanOrEqual(100);
});

test("renews its token before it ends, and asks no more for what is refused", async () => {
  const { url, got } = await scripted((frame, { reply }) => {
    if (frame.op === "subscribe")
      reply({ op: "error", code: "PERMISSION_DENIED", message: "No.", conversation: frame.conversation });
  });
  const { connection } = connect(url, { token: () => tokenOf(ann, 3) });
  const refused: Error[] = [];
  connection.subscribe(newDirectChatId(), () => {}, { onRefused: (error) => refused.push(error) });
  await eventually(() => refused.length === 1);
  expect(refused).toMatchObject([{ code: "PERMISSION_DENIED" }]);
  await eventually(() => got[0]?.filter(({ op }) => op === "auth").length === 2);
  expect(got).toHaveLength(1);
});

test("ends when a second token is not good either", async () => {
  const server = await startEmbedded();
  open.push({ close: () => server.stop() });
  const { connection, states } = connect(`${server.baseUrl.replace("http", "ws")}/v1/ws`, {
    token: () => "no",
  });
  await expect(connection.send(newDirectChatId(), "hello")).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
  expect(states.at(-1)).toBe("closed");
});

test("a gateway that is stopped and started again on its port: nothing is lost, doubled or out of order", async () => {
  const { broker, users } = makeChat();
  open.push({ close: () => broker.stop() });
  addGateway(broker);
  await broker.start();
  await gatewayReady(broker);
  const { port } = gatewayOf(broker).server.address() as AddressInfo;
  const other = somebody();
  users.add(other.id);
  const params = { participant_id: other.id };
  const { chat_id } = await call(broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  const { connection, states } = connect(`ws://127.0.0.1:${port}/v1/ws`);
  const seen: string[] = [];
  connection.subscribe(chat_id, ({ seq, text }) => seen.push(`${seq} ${text}`), { after: 0 });
  await connection.send(chat_id, "1");
  const sent = numbers(2, 40).map((i) => connection.send(chat_id, `${i}`));
  await sent[5];
  await broker.destroyService(gatewayOf(broker));
  await call(broker, "v1.chat.sendMessage", { id: chat_id, text: "meanwhile" }, { meta: { user: ann } });
  addDoor(broker, {}, port);
  const acks = await Promise.all(sent);
  await eventually(() => seen.length === 41);
  expect(seen.map((each) => each.split(" ")[0])).toEqual(numbers(1, 41).map(String));
  expect(new Set(acks.map(({ seq }) => seq)).size).toBe(39);
  const mine = seen.map((each) => each.split(" ")[1]).filter((text) => text !== "meanwhile");
  expect(mine).toEqual(numbers(1, 40).map(String));
  expect(states.filter((state) => state === "open").length).toBe(2);
});

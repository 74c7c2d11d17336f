import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { call } from "../../lib/contract.ts";
import { newDirectChatId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { gatewayOf, somebody, startLive, tokenOf } from "../../test/support/gateway.ts";
import {
  type Frame,
  messageFrame,
  ScriptedGateway,
  type Visitor,
} from "../../test/support/scripted-gateway.ts";
import { LiveConnection } from "./live-connection.ts";
import { SteadyConnection } from "./steady-connection.ts";

const chat = newDirectChatId();
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

let open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.toReversed()) await each.close();
  open = [];
});

/** @param onSubscribe called with each subscribe, the `count`th of all of them */
async function scripted(onSubscribe: (visitor: Visitor, count: number, frame: Frame) => void) {
  let count = 0;
  const gateway = await ScriptedGateway.start((frame, visitor) => {
    if (frame.op === "auth") visitor.reply({ op: "ready" });
    if (frame.op === "subscribe") onSubscribe(visitor, ++count, frame);
  });
  open.push(gateway);
  return gateway;
}

async function connect(url: string) {
  const live = await LiveConnection.open(url, "token");
  open.push(live);
  return live;
}

function connectSteadily(url: string) {
  const steady = new SteadyConnection({ url, token: () => "token", backoff: { baseMs: 10, maxMs: 50 } });
  open.push(steady);
  return steady;
}

const confirmed = (seq: number): Frame => ({ op: "subscribed", conversation: chat, seq });

/** What a log of `tail` entries gives to who has the first `after` ones. */
function serve({ reply }: Visitor, tail: number, after: number) {
  reply(confirmed(tail));
  for (const seq of numbers(after + 1, tail)) reply(messageFrame(chat, seq));
}

/** The second subscribe finds an entry of the first one still on its way. */
const crossing = (visitor: Visitor, count: number) => {
  if (count === 1) return visitor.reply(confirmed(2));
  visitor.reply(messageFrame(chat, 3));
  serve(visitor, 3, 0);
};

test("subscribed to again from the start, an entry that is still on its way swallows nothing", async () => {
  const { url } = await scripted(crossing);
  const live = await connect(url);
  const [first, second]: [number[], number[]] = [[], []];
  await live.subscribe(chat, ({ seq }) => first.push(seq));
  await live.subscribe(chat, ({ seq }) => second.push(seq), 0);
  await eventually(() => second.includes(3));
  expect(second).toEqual([1, 2, 3]);
  expect(first).toEqual([]);
});

test("the same of a steady connection", async () => {
  const gateway = await scripted(crossing);
  const steady = connectSteadily(gateway.url);
  const [first, second]: [number[], number[]] = [[], []];
  steady.subscribe(chat, ({ seq }) => first.push(seq));
  await gateway.heard("subscribe");
  steady.subscribe(chat, ({ seq }) => second.push(seq), { after: 0 });
  await eventually(() => second.includes(3));
  expect(second).toEqual([1, 2, 3]);
  expect(first).toEqual([]);
});

test("the answer to an older subscribe does not begin the newer one", async () => {
  const waiting: (() => void)[] = [];
  const gateway = await scripted((visitor, _count, { after }) => {
    waiting.push(() => serve(visitor, 7, Number(after)));
  });
  const live = await connect(gateway.url);
  const [first, second]: [number[], number[]] = [[], []];
  const overtaken = expect(live.subscribe(chat, ({ seq }) => first.push(seq), 5)).rejects.toThrow(
    "took its place",
  );
  await gateway.heard("subscribe");
  const newest = live.subscribe(chat, ({ seq }) => second.push(seq), 0);
  waiting[0]?.();
  await gateway.heard("subscribe", 2);
  waiting[1]?.();
  expect(await newest).toBe(7);
  await overtaken;
  await eventually(() => second.includes(7));
  expect(second).toEqual(numbers(1, 7));
  expect(first).toEqual([]);
});

test("of three that a real gateway gets at once, the newest is served from where it asks", async () => {
  const { broker, users } = await startLive();
  open.push({ close: () => broker.stop() });
  const [ann, bob] = [somebody(), somebody()];
  users.add(bob.id);
  const as = { meta: { user: ann } };
  const { chat_id: id } = await call(broker, "v1.chat.createDirectChat", { participant_id: bob.id }, as);
  for (const i of numbers(1, 5)) await call(broker, "v1.chat.sendMessage", { id, text: `${i}` }, as);
  const { port } = gatewayOf(broker).server.address() as AddressInfo;
  const live = await LiveConnection.open(`ws://127.0.0.1:${port}/v1/ws`, tokenOf(bob));
  open.push(live);
  const shown: number[][] = [[], [], []];
  const [one, two, three] = [3, undefined, 0].map((after, i) =>
    live.subscribe(id, ({ seq }) => shown[i]?.push(seq), after),
  );
  await expect(one).rejects.toThrow("took its place");
  await expect(two).rejects.toThrow("took its place");
  expect(await three).toBe(5);
  await eventually(() => shown[2]?.includes(5) ?? false);
  expect(shown).toEqual([[], [], numbers(1, 5)]);
});

test("given up before it is answered, it is unsubscribed from behind the answer", async () => {
  const answers: (() => void)[] = [];
  const gateway = await scripted((visitor) => answers.push(() => serve(visitor, 2, 0)));
  const live = await connect(gateway.url);
  const shown: number[] = [];
  const given = expect(live.subscribe(chat, ({ seq }) => shown.push(seq), 0)).rejects.toThrow("unsubscribed");
  await gateway.heard("subscribe");
  live.unsubscribe(chat);
  await given;
  expect(gateway.all("unsubscribe")).toEqual([]);
  answers[0]?.();
  await gateway.heard("unsubscribe");
  expect(shown).toEqual([]);
});

const lost = (message: string): Frame => ({
  op: "error",
  code: "UNAVAILABLE",
  message,
  conversation: chat,
  of: "subscribe",
});

test("one that fails behind its confirmation tells so, and a steady connection resumes it", async () => {
  const gateway = await scripted((visitor, count, { after }) => {
    if (count > 2) return serve(visitor, 4, Number(after));
    visitor.reply(confirmed(4));
    visitor.reply(messageFrame(chat, 1));
    visitor.reply(lost("The log can't be read."));
  });
  const live = await connect(gateway.url);
  const failures: Error[] = [];
  await live.subscribe(chat, { onMessage() {}, onFailed: (error) => failures.push(error) }, 0);
  await eventually(() => failures.length === 1);
  expect(failures).toMatchObject([{ code: "UNAVAILABLE" }]);
  const shown: number[] = [];
  connectSteadily(gateway.url).subscribe(chat, ({ seq }) => shown.push(seq), { after: 0 });
  await eventually(() => shown.includes(4));
  expect(shown).toEqual(numbers(1, 4));
  expect(gateway.all("subscribe").at(-1)).toMatchObject({ after: 1 });
});

test("what a gateway could not even name in its refusal is refused at once", async () => {
  const live = await connect((await scripted(() => {})).url);
  const refused = { code: "INVALID_ARGUMENT" };
  await expect(live.subscribe("square", () => {})).rejects.toMatchObject(refused);
  await expect(live.send("9999999999999999", "hello")).rejects.toMatchObject(refused);
  await expect(live.send(chat, "hello", "two words")).rejects.toMatchObject(refused);
});

import type { Socket as TcpSocket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import { ConversationIdSchema } from "../../../lib/ids.ts";
import { conversationSubject } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { type ChatBroker, makeChat } from "../../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, Socket, somebody } from "../../../test/support/gateway.ts";

const BUFFERED = 256 * 1024;
/** The first byte of a close frame (RFC 6455, 5.2). */
const CLOSE_FRAME = 0x88;
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

let chat: ChatBroker;
const accepted: TcpSocket[] = [];
beforeAll(async () => {
  chat = makeChat();
  addGateway(chat.broker, { bufferedBytes: BUFFERED, framesPerSecond: 100_000, closeMs: 60_000 });
  await chat.broker.start();
  gatewayOf(chat.broker).server.on("connection", (tcp: TcpSocket) => accepted.push(tcp));
  await gatewayReady(chat.broker);
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(() => chat.broker.stop());

async function pair(): Promise<{ ann: Caller; bob: Caller; id: string }> {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id } = await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  return { ann, bob, id: chat_id };
}

/** One that listens, and the gateway's end of it. */
async function listener(user: Caller, conversation: string): Promise<{ socket: Socket; tcp: TcpSocket }> {
  const socket = await Socket.signedIn(chat.broker, user);
  const tcp = accepted.at(-1);
  if (!tcp) throw new Error("the gateway saw no connection");
  socket.push({ op: "subscribe", conversation });
  await socket.got("subscribed");
  return { socket, tcp };
}

const say = (user: Caller, id: string, text: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text, nonce: crypto.randomUUID() }, { meta: { user } });

/** As the chat service does, and at once. */
function publish(id: string, seq: number, text: string): void {
  const entry = { seq, frame: JSON.stringify({ op: "message", seq, text }) };
  gatewayOf(chat.broker).bus.publish(
    conversationSubject(ConversationIdSchema.parse(id)),
    JSON.stringify(entry),
  );
}

test("what comes in one turn goes to each socket in one write, of the same bytes for all", async () => {
  const { ann, bob, id } = await pair();
  const listeners = [await listener(ann, id), await listener(bob, id), await listener(bob, id)];
  const writes = listeners.map(({ tcp }) => jest.spyOn(tcp, "write"));
  const texts = numbers(1, 10).map((seq) => "€".repeat(seq * 20));
  for (const [i, text] of texts.entries()) publish(id, i + 1, text);
  for (const { socket } of listeners) {
    await socket.got("message", 10);
    expect(socket.all("message").map(({ text }) => text)).toEqual(texts);
  }
  const written = writes.map(({ mock }) => mock.calls.map(([bytes]) => bytes));
  for (const buffers of written) {
    expect(buffers).toHaveLength(1);
    expect(buffers[0]).toBe(written[0]?.[0]);
  }
});

test("frames stand in the order they were written in, whatever ws sends between them", async () => {
  const { ann, id } = await pair();
  const { socket } = await listener(ann, id);
  const got: string[] = [];
  socket.raw.on("message", () => got.push("frame"));
  socket.raw.on("pong", () => got.push("pong"));
  for (const i of numbers(1, 50)) {
    socket.push({ op: "ping" });
    socket.raw.ping();
    if (i % 10 === 0) await say(ann, id, `number ${i}`);
  }
  await eventually(() => got.filter((what) => what === "pong").length === 50 && got.length === 105);
  expect(socket.seqs()).toEqual(numbers(1, 5));
  // What is written in the turn of a close comes before it.
  publish(id, 6, "the last one");
  setImmediate(() => gatewayOf(chat.broker).gateway.revocations.add([ann.sessionId]));
  expect(await socket.closed()).toBe(4001);
  expect(socket.frames.slice(-2)).toMatchObject([
    { seq: 6, text: "the last one" },
    { op: "session_revoked" },
  ]);
});

test("a slow reader is closed before more waits for it than may, holds nobody back, and resumes", async () => {
  const { ann, bob, id } = await pair();
  const slow = await listener(bob, id);
  const others = [await listener(ann, id), await listener(bob, id), await listener(ann, id)];
  let most = 0;
  let closing = false;
  const { write } = slow.tcp;
  jest.spyOn(slow.tcp, "write").mockImplementation((...given: unknown[]) => {
    const [bytes] = given as [Buffer];
    closing ||= bytes[0] === CLOSE_FRAME;
    const taken = Reflect.apply(write, slow.tcp, given) as boolean;
    if (!closing) most = Math.max(most, slow.tcp.writableLength);
    return taken;
  });
  slow.socket.raw.pause();
  let sent = 0;
  // The kernel's own buffers take some megabytes first.
  for (const text = "€".repeat(2_000); !closing; sent += 20) {
    await Promise.all(numbers(1, 20).map(() => say(ann, id, text)));
    await others[0]?.socket.got("message", sent + 20);
  }
  for (const { socket } of others) {
    await socket.got("message", sent);
    expect(socket.seqs()).toEqual(numbers(1, sent));
    expect(socket.closeCode).toBeUndefined();
  }
  expect(most).toBeGreaterThan(BUFFERED / 2);
  expect(most).toBeLessThanOrEqual(BUFFERED);
  slow.socket.raw.resume();
  expect(await slow.socket.closed()).toBe(4008);
  const had = slow.socket.seqs().length;
  expect(slow.socket.seqs()).toEqual(numbers(1, had));
  expect(had).toBeLessThan(sent);
  const back = await Socket.signedIn(chat.broker, bob);
  back.push({ op: "subscribe", conversation: id, after: had });
  await back.got("message", sent - had);
  expect(back.seqs()).toEqual(numbers(had + 1, sent));
});

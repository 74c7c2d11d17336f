import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { newDirectChatId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type Frame, ScriptedGateway, type Visitor } from "../../test/support/scripted-gateway.ts";
import { LiveConnection } from "./live-connection.ts";
import { SteadyConnection } from "./steady-connection.ts";
import type { State, SteadyOptions } from "./steady-options.ts";

const HEARTBEAT_MS = 40;
const chat = newDirectChatId();

let open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.toReversed()) await each.close();
  open = [];
});

async function scripted(answer: (frame: Frame, visitor: Visitor) => void) {
  const gateway = await ScriptedGateway.start(answer);
  open.push(gateway);
  return gateway;
}

const ready: Frame = { op: "ready", heartbeat_ms: HEARTBEAT_MS };
const mute = () => {};

function connect(url: string, more: Partial<SteadyOptions> = {}) {
  const states: State[] = [];
  const backoff = { baseMs: 10, maxMs: 50 };
  const onState = (state: State) => states.push(state);
  const steady = new SteadyConnection({ url, token: () => "token", backoff, closeMs: 50, onState, ...more });
  open.push(steady);
  return { steady, states };
}

test("a gateway that goes silent is left after two heartbeats, and the next one gets what was not acknowledged", async () => {
  const gateway = await scripted(({ op, nonce }, { nth, socket, reply }) => {
    if (op === "auth") reply(ready);
    if (op === "auth" && nth === 1) socket.pause();
    if (op === "send") reply({ op: "ack", conversation: chat, nonce, seq: nth, sent_at_unix_ms: 1 });
  });
  const { steady, states } = connect(gateway.url);
  expect(await steady.send(chat, "hello")).toMatchObject({ seq: 2 });
  expect(states).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
  expect(gateway.all("send")).toHaveLength(1);
});

test("one that only answers pings is not", async () => {
  const gateway = await scripted(({ op }, { reply }) => {
    if (op === "auth") reply(ready);
  });
  const { states } = connect(gateway.url);
  await gateway.heard("ping", 10);
  expect(states).toEqual(["connecting", "open"]);
});

test("pings keep to the heartbeat also after the token was renewed", async () => {
  const gateway = await scripted(({ op }, { reply }) => {
    if (op === "auth") reply(ready);
  });
  const live = await LiveConnection.open(gateway.url, "token");
  open.push(live);
  for (let i = 0; i < 20; i++) live.renew("token");
  await gateway.heard("auth", 21);
  const before = gateway.all("ping").length;
  const from = performance.now();
  await gateway.heard("ping", before + 3);
  expect(performance.now() - from).toBeGreaterThan(HEARTBEAT_MS);
});

test("one that is never ready is given up, and asked again", async () => {
  const gateway = await scripted(mute);
  const { states } = connect(gateway.url, { readyMs: 50 });
  await gateway.heard("auth", 3);
  expect(states.slice(0, 4)).toEqual(["connecting", "waiting", "connecting", "waiting"]);
  expect(states).not.toContain("open");
  await expect(LiveConnection.open(gateway.url, "token", { readyMs: 50 })).rejects.toThrow(
    "not ready in time",
  );
});

test("one that does not even answer the upgrade is given up", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  open.push(server);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const url = `ws://127.0.0.1:${port}`;
  const accepted = once(server, "connection");
  await expect(LiveConnection.open(url, "token", { readyMs: 200 })).rejects.toThrow("not ready in time");
  const [socket] = await accepted;
  socket.resume();
  await eventually(() => socket.readableEnded || socket.destroyed);
});

test("closed while it is being opened, its socket ends too", async () => {
  const gateway = await scripted(mute);
  const { steady, states } = connect(gateway.url);
  await gateway.heard("auth");
  await steady.close();
  expect(states).toEqual(["connecting", "closed"]);
  await eventually(() => gateway.size === 0);
});

test("a close that is not answered settles too", async () => {
  const gateway = await scripted((_frame, { socket, reply }) => {
    reply({ op: "ready" });
    socket.pause();
  });
  const live = await LiveConnection.open(gateway.url, "token", { closeMs: 50 });
  const waiting = live.send(chat, "hello");
  expect(await live.close()).toMatchObject({ code: 1006 });
  await expect(waiting).rejects.toThrow("the connection has ended");
});

test.each([
  ["connecting", mute],
  ["open", (_frame: Frame, { reply }: Visitor) => reply({ op: "ready", heartbeat_ms: 600_000 })],
])("closed when it is %s, it keeps no process alive", async (state, answer) => {
  const gateway = await scripted(answer);
  const program = new URL("../../test/support/closing-client.ts", import.meta.url);
  const child = fork(program, [gateway.url, state], { execArgv: [] });
  open.push({ close: () => child.kill("SIGKILL") });
  const ended = once(child, "exit");
  await gateway.heard("auth");
  child.send("close");
  const [code] = await ended;
  expect(code).toBe(0);
});

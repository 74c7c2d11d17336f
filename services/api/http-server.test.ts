import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../../test/servers/eventually.ts";
import { closeGracefully, createHttpServer } from "./http-server.ts";
import { DEFAULT_LIMITS } from "./realtime/limits.ts";
import { openDoor } from "./realtime/upgrade.ts";
import { keepOwnPace } from "./stalled-answers.ts";

let server: Server;
afterEach(() => closeGracefully(server, 0));

async function listen(answer: string, stalledMs?: number): Promise<number> {
  // As routes answer: not within the event that brought the request.
  server = createHttpServer((req, res) => {
    if (req.url === "/own-pace") keepOwnPace(res);
    setImmediate(() => res.end(answer));
  }, stalledMs);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const connections = () => new Promise<number>((done) => server.getConnections((_, count) => done(count)));

test("closing waits for a client that reads slowly", async () => {
  const size = 16 * 1024 * 1024;
  const port = await listen("x".repeat(size));
  const client = connect(port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.pause();
  await eventually(async () => (await connections()) === 1);
  let received = 0;
  client.on("data", (chunk) => {
    received += chunk.length;
  });
  client.pause();
  const closing = closeGracefully(server, 10_000);
  // As long as an idle connection would have been given.
  await sleep(800);
  client.resume();
  await once(client, "close");
  await closing;
  expect(received).toBeGreaterThan(size);
});

test("closing does not wait for ever", async () => {
  const port = await listen("x".repeat(64 * 1024 * 1024));
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.pause();
  await eventually(async () => (await connections()) === 1);
  await closeGracefully(server, 200);
  expect(await connections()).toBe(0);
});

test("who asks on and on without reading is cut off", async () => {
  const port = await listen("x".repeat(1024 * 1024));
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  const cutOff = once(client, "close");
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200), () => client.resume());
  await cutOff;
});

const LARGE = "x".repeat(32 * 1024 * 1024);
const STALLED_MS = 300;
const PIECE = 1024 * 1024;
const PAUSE_MS = 40;

/** One that has asked for the large answer, and reads nothing yet. */
async function askFor(path: string, port: number): Promise<Socket> {
  const client = connect(port, "127.0.0.1").pause();
  client.on("error", () => {});
  client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await eventually(async () => (await connections()) === 1);
  return client;
}

test("who takes nothing of its answer is cut off, whatever it sends", async () => {
  const client = await askFor("/", await listen(LARGE, STALLED_MS));
  const sending = setInterval(() => client.write("\r\n"), 20);
  await eventually(async () => (await connections()) === 0);
  clearInterval(sending);
  client.destroy();
});

test("who reads slowly gets all of its answer", async () => {
  const client = await askFor("/", await listen(LARGE, STALLED_MS));
  const startedAt = performance.now();
  let received = 0;
  let pieces = 0;
  client.on("data", (chunk) => {
    received += chunk.length;
    if (received < pieces * PIECE) return;
    pieces += 1;
    client.pause();
    setTimeout(() => client.resume(), PAUSE_MS);
  });
  client.resume();
  await eventually(() => received > LARGE.length);
  // Longer than a client that takes nothing is given.
  expect(performance.now() - startedAt).toBeGreaterThan(2 * STALLED_MS);
  client.destroy();
});

test("an answer that keeps its own pace may wait", async () => {
  const client = await askFor("/own-pace", await listen(LARGE, STALLED_MS));
  await sleep(4 * STALLED_MS);
  expect(await connections()).toBe(1);
  client.destroy();
});

test("an upgrade that is refused leaves no connection, though the client keeps its half open", async () => {
  const port = await listen("");
  openDoor(server, {
    entrances: new Map(),
    origins: [],
    limits: DEFAULT_LIMITS,
    closed: () => false,
  });
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  client.write(
    "GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const [answer] = await once(client, "data");
  expect(String(answer)).toMatch(/^HTTP\/1.1 404 /);
  await eventually(async () => (await connections()) === 0);
  client.destroy();
});

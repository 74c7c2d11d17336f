// The document of `/v1/ws` that a server hands out is valid, and the frames of a real conversation are as it says.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Ajv, type ValidateFunction } from "ajv";
import { WebSocket } from "ws";
import { CLOSE, DEFAULT_LIMITS } from "../services/api/realtime/limits.ts";
import { routes } from "../services/api/rest/routes.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { StreamReader } from "./support/event-stream.ts";
import { request, type SignedUp, signUp, uniqueName } from "./support/http.ts";

interface Schema {
  properties?: Record<string, { const?: string }>;
}

interface AsyncApi {
  channels: Record<string, { address: string; messages: Record<string, unknown> } & Record<string, unknown>>;
  operations: Record<string, { action: string; messages: { $ref: string }[] }>;
  components: { messages: Record<string, { payload: Schema }>; schemas: Record<string, Schema> };
}

type Frame = Record<string, unknown> & { op: string };

let veche: Embedded;
let document: AsyncApi;

beforeAll(async () => {
  veche = await startEmbedded();
  const answer = await fetch(`${veche.baseUrl}/asyncapi.json`);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  document = (await answer.json()) as AsyncApi;
});
afterAll(() => veche.stop());

/** A process of its own: the parser does not load where Jest runs modules. */
const PARSE = `
  const { readFileSync } = require("node:fs");
  const { Parser } = require(process.argv[1]);
  new Parser().parse(readFileSync(process.argv[2], "utf8")).then(({ document, diagnostics }) =>
    console.log(JSON.stringify({ parsed: document !== undefined, diagnostics })));`;

test("AsyncAPI's own parser finds nothing to complain about", async () => {
  const directory = await mkdtemp(join(tmpdir(), "veche-asyncapi-"));
  try {
    const parse = async (text: string) => {
      const file = join(directory, "asyncapi.json");
      await writeFile(file, text);
      const parser = createRequire(import.meta.url).resolve("@asyncapi/parser");
      const { stdout } = await promisify(execFile)(process.execPath, ["-e", PARSE, parser, file]);
      return JSON.parse(stdout) as { parsed: boolean; diagnostics: unknown[] };
    };
    expect(await parse(JSON.stringify(document))).toEqual({ parsed: true, diagnostics: [] });
    const { channels: _, ...broken } = document;
    expect((await parse(JSON.stringify(broken))).diagnostics).not.toEqual([]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("every route that streams is a channel, and every message belongs to an operation", () => {
  const addresses = Object.values(document.channels).map(({ address }) => address);
  const streams = routes.filter(({ stream }) => stream).map(({ path }) => path);
  expect(addresses.sort()).toEqual(["/v1/ws", ...streams].sort());
  const named = (refs: { $ref: string }[]) => refs.map(({ $ref }) => $ref.slice($ref.lastIndexOf("/") + 1));
  const replies = ["ready", "subscribed", "unsubscribed", "ack", "pong", "error"];
  const operated = Object.values(document.operations).flatMap(({ messages }) => named(messages));
  expect([...new Set([...operated, ...replies])].sort()).toEqual(
    Object.keys(document.components.messages).sort(),
  );
});

test("it has the limits and the close codes of the code", () => {
  const { websocket } = document.channels;
  expect(websocket?.["x-limits"]).toEqual(DEFAULT_LIMITS);
  const codes = Object.keys(websocket?.["x-close-codes"] ?? {}).map(Number);
  expect(codes).toEqual([...Object.values(CLOSE), 1009].sort((a, b) => a - b));
});

/** Says what in a frame is not as documented: a property that is not, too. */
function check(name: string, frame: Frame): string[] {
  const validate = compiled.get(name) ?? compile(name);
  compiled.set(name, validate);
  return validate(frame) ? [] : [`${name}: ${new Ajv().errorsText(validate.errors)}`];
}

const compiled = new Map<string, ValidateFunction>();

function compile(name: string): ValidateFunction {
  const { messages, schemas } = document.components;
  const payload = messages[name]?.payload;
  if (!payload) throw new Error(`The document has no ${name}`);
  const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
  const closed = (schema: Schema) => ({ additionalProperties: false, ...schema });
  for (const [id, schema] of Object.entries(schemas)) {
    ajv.addSchema(closed(schema), `#/components/schemas/${id}`);
  }
  return ajv.compile(closed(payload));
}

/** A WebSocket of which every frame, either way, is held against the document. */
class Live {
  readonly got: Frame[] = [];
  readonly faults: string[] = [];
  readonly #socket: WebSocket;

  constructor({ accessToken }: SignedUp) {
    this.#socket = new WebSocket(`${veche.baseUrl.replace("http", "ws")}/v1/ws`);
    this.#socket.on("open", () => this.push({ op: "auth", token: accessToken }));
    this.#socket.on("message", (bytes) => {
      const frame = JSON.parse(String(bytes)) as Frame;
      this.faults.push(...check(frame.op, frame));
      this.got.push(frame);
    });
  }

  push(frame: Frame): void {
    this.faults.push(...check(`client_${frame.op}`, frame));
    this.#socket.send(JSON.stringify(frame));
  }

  /** What a client must not send. */
  pushWrong(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  frame(op: string, count = 1): Promise<Frame> {
    const found = () => this.got.filter((frame) => frame.op === op)[count - 1] ?? false;
    return eventually(found, { every: 5 }) as Promise<Frame>;
  }
}

test("each frame of a conversation, either way, is as documented, and each that is documented comes", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const api = (method: string, path: string, { accessToken: token }: SignedUp, body?: object) =>
    request(veche.baseUrl, method, path, { token, body });
  const [a, b] = [new Live(ann), new Live(bob)];
  await Promise.all([a.frame("ready"), b.frame("ready")]);

  const opened = await api("POST", "/v1/chats", ann, { participant_id: bob.userId });
  const conversation = String(opened.body.chat_id);
  await b.frame("chat_created");
  for (const live of [a, b]) live.push({ op: "subscribe", conversation });
  await Promise.all([a.frame("subscribed"), b.frame("subscribed")]);
  const events = await StreamReader.open(
    `${veche.baseUrl}/v1/chats/${conversation}/stream?since_unix_ms=0`,
    bob.accessToken,
  );
  a.push({ op: "send", conversation, text: "Hello, Bob", nonce: "n-1" });
  await a.frame("ack");
  await b.frame("message");
  b.push({ op: "typing", conversation });
  b.push({ op: "read", conversation, seq: 1 });
  await Promise.all([a.frame("typing"), a.frame("read")]);
  await api("PATCH", `/v1/chats/${conversation}/messages/1`, ann, { text: "Hello, Bob!" });
  await api("DELETE", `/v1/chats/${conversation}/messages/1`, ann);
  await Promise.all([b.frame("edited"), b.frame("deleted")]);
  a.push({ op: "ping" });
  await a.frame("pong");
  a.pushWrong({ op: "send", conversation, text: "", nonce: "n-2" });
  expect(await a.frame("error")).toMatchObject({ nonce: "n-2", conversation });
  a.push({ op: "unsubscribe", conversation });
  await a.frame("unsubscribed");

  const room = await api("POST", "/v1/rooms", ann, { name: uniqueName("r"), is_private: false });
  const roomId = String(room.body.id ?? room.body.room_id);
  a.push({ op: "subscribe", conversation: roomId, after: 0 });
  await a.frame("subscribed", 2);
  await api("POST", `/v1/rooms/${roomId}/invite`, ann, { user_id: bob.userId });
  await b.frame("room_joined");
  await api("DELETE", `/v1/rooms/${roomId}/members/${bob.userId}`, ann);
  await b.frame("room_left");
  await eventually(() => a.got.some(({ type }) => type === "leave"));
  expect(a.got.some(({ type }) => type === "join")).toBe(true);

  await api("POST", "/v1/logout", bob);
  await b.frame("session_revoked");
  await eventually(() => events.events.some(({ event }) => event === "session_revoked"));
  for (const { event, data } of events.events) {
    expect(data.op).toBe(event);
    expect(check(event, data as Frame)).toEqual([]);
  }
  expect([...a.faults, ...b.faults]).toEqual([]);
  const seen = new Set([...a.got, ...b.got].map(({ op }) => op));
  const documented = Object.keys(document.components.messages).filter((name) => !name.startsWith("client_"));
  expect([...seen].sort()).toEqual(documented.sort());
});

// Hostile frames, hostile bytes and floods at `/v1/ws`, while two people talk: the process lives on, its memory is bounded,
// and the two don't notice.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { VecheClient } from "../clients/ts/client.ts";
import { newDirectChatId, newRoomId } from "../lib/ids.ts";
import { DEFAULT_LIMITS } from "../services/api/realtime/limits.ts";
import { eventually } from "./servers/eventually.ts";
import { startVeche, type Veche } from "./servers/processes.ts";
import { type Answer, exchangeFrames, expectDocumented } from "./support/frame-exchange.ts";
import { uniqueName } from "./support/http.ts";
import { frame, handshake, OPCODE, RawWebSocket } from "./support/raw-websocket.ts";
import { idOf, Talk } from "./support/talk.ts";
import { framesOf } from "./support/websocket-inputs.ts";

/** A talk is disturbed when an acknowledgement takes longer. */
const NOTICED_AFTER_MS = 2_000;
/** Of one user at a time, who may have 50. */
const CONNECTIONS = 40;
/** Objects that are held on to: with more, the process would end. */
const HEAP_MIB = 192;
/** Beside them: what each connection may have waiting, as it waits and as it is written, what is being read, and the program. */
const BUFFERS_MIB =
  (CONNECTIONS * (2 * DEFAULT_LIMITS.bufferedBytes + DEFAULT_LIMITS.frameBytes)) / 1024 ** 2;
const PROGRAM_MIB = 200;
const MEMORY_MIB = HEAP_MIB + BUFFERS_MIB + PROGRAM_MIB;

let veche: Veche;
let pid: number;
let talk: Talk;
let eve: VecheClient;
/** Of Eve and Zoe. */
let evesChat: string;

beforeAll(async () => {
  const env = {
    REGISTRATIONS_PER_ADDRESS_PER_HOUR: "1000",
    LOG_LEVEL: "warn",
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
  };
  veche = await startVeche({ name: "veche", env });
  await veche.ready();
  pid = veche.pid;
  const [ann, bob, zoe] = [await signUp(), await signUp(), await signUp()];
  eve = await signUp();
  evesChat = await eve.openChat(idOf(zoe));
  await eve.sendMessage(evesChat, "one");
  talk = await Talk.between(ann, bob);
});
afterAll(() => veche?.remove());

async function signUp(): Promise<VecheClient> {
  const client = new VecheClient(veche.baseUrl);
  await client.register({ email: `${uniqueName()}@example.com`, password: "correct horse" });
  return client;
}

const tokenOf = ({ tokens }: VecheClient): string => tokens?.access_token ?? "";

/** The most memory that the process ever held, in MiB. */
function highestMemory(): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/^VmHWM:\s+(\d+) kB/m)?.[1]) / 1024;
}

/** On a connection of its own, of Eve or whoever the token says. */
const exchange = (sent: (string | Buffer)[], token = tokenOf(eve), isAll?: (answers: Answer[]) => boolean) =>
  exchangeFrames(veche.baseUrl, token, sent, isAll);

describe("frames", () => {
  test("whatever is in them, each is answered by what is documented, and the connection stays", async () => {
    const conversations = [evesChat, talk.chat, newDirectChatId(), newRoomId(), "0"];
    const frames = fc.array(framesOf(conversations, tokenOf(eve)), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(frames, async (sent) => expectDocumented(await exchange(sent))),
      { numRuns: 150, interruptAfterTimeLimit: 12_000 },
    );
    await talk.goesOn();
  });

  test("a frame that is no JSON, no object, binary, or of no known op is refused, one error each", async () => {
    const frames = [
      "{",
      "",
      "null",
      "[]",
      '"ping"',
      "{}",
      '{"op":"drop"}',
      '{"op":["ping"]}',
      Buffer.from("{}"),
    ];
    const answers = await exchange(frames);
    expect(answers.map(({ op, code }) => [op, code])).toEqual([
      ["ready", undefined],
      ...frames.map(() => ["error", "INVALID_ARGUMENT"]),
    ]);
  });

  test("who subscribes to everything gets nothing of others", async () => {
    const strangers = await Promise.all(Array.from({ length: 8 }, signUp));
    const foreign = [talk.chat, evesChat];
    const answers = await Promise.all(
      strangers.flatMap((stranger) =>
        Array.from({ length: 4 }, async () => {
          const unknown = Array.from({ length: 80 }, (_, i) => (i % 2 ? newDirectChatId() : newRoomId()));
          const wanted = [...foreign, ...unknown, ...foreign];
          const frames = wanted.map((conversation) =>
            JSON.stringify({ op: "subscribe", conversation, after: 0 }),
          );
          const refused = (answers: Answer[]) =>
            new Set(answers.filter(({ op }) => op === "error").map(({ conversation }) => conversation));
          return exchange(
            frames,
            tokenOf(stranger),
            (answers) => refused(answers).size === unknown.length + 2,
          );
        }),
      ),
    );
    expectDocumented(answers.flat());
    const ops = new Set(answers.flat().map(({ op }) => op));
    expect([...ops].sort()).toEqual(["error", "ready"]);
    await talk.goesOn();
  });
});

describe("bytes that no client of a library sends", () => {
  const PING = JSON.stringify({ op: "ping" });
  const text = (payload: Buffer | string, options = {}) => frame(OPCODE.text, payload, options);
  const close = (code: number, reason: Buffer | string = "") => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(code);
    return frame(OPCODE.close, Buffer.concat([bytes, Buffer.from(reason)]));
  };
  const tooLarge = "x".repeat(DEFAULT_LIMITS.frameBytes + 1);
  const half = "x".repeat(DEFAULT_LIMITS.frameBytes / 2 + 1);

  test.each<[string, number, Buffer[]]>([
    ["a frame that is not masked", 1002, [text(PING, { masked: false })]],
    ["reserved bits", 1002, [text(PING, { reserved: 4 })]],
    ["a reserved opcode", 1002, [frame(3, PING)]],
    ["a reserved opcode of control", 1002, [frame(11)]],
    ["a continuation of nothing", 1002, [frame(OPCODE.continuation, PING)]],
    ["a message within another", 1002, [text("{", { fin: false }), text(PING)]],
    ["a ping in fragments", 1002, [frame(OPCODE.ping, "", { fin: false })]],
    ["a ping of 126 bytes", 1002, [frame(OPCODE.ping, "x".repeat(126))]],
    ["a close code that there is not", 1002, [close(999)]],
    ["a close code that nobody may send", 1002, [close(1005)]],
    ["a close of one byte", 1002, [frame(OPCODE.close, "x")]],
    ["a close whose reason is no UTF-8", 1007, [close(1000, Buffer.from([0xff]))]],
    ["a text that is no UTF-8", 1007, [text(Buffer.from([0xc3, 0x28]))]],
    ["a text with a lone surrogate", 1007, [text(Buffer.from([0xed, 0xa0, 0x80]))]],
    ["a text too large", 1009, [text(tooLarge)]],
    ["fragments that are too large together", 1009, [text(half, { fin: false }), frame(0, half)]],
    ["a length of 2^62", 1009, [text("x", { announced: 2n ** 62n })]],
    ["a length of 2^63", 1009, [text("x", { announced: 2n ** 63n })]],
    ["a length that is just too large, and nothing more", 1009, [text("", { announced: 16_385n })]],
  ])("%s", async (_name, code, frames) => {
    const raw = await RawWebSocket.open(veche.baseUrl, tokenOf(eve));
    for (const bytes of frames) raw.write(bytes);
    expect(await eventually(() => raw.closeFrame ?? false, { every: 5 })).toMatchObject({ code });
    raw.end();
  });

  test("noise", async () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 3_000 });
    await fc.assert(
      fc.asyncProperty(noise, async (bytes) => {
        const raw = await RawWebSocket.open(veche.baseUrl, tokenOf(eve));
        raw.write(Buffer.from(bytes));
        raw.socket.end();
        await eventually(() => raw.ended, { every: 2 });
      }),
      { numRuns: 100, interruptAfterTimeLimit: 8_000 },
    );
    await talk.goesOn();
  });

  test.each<[string, number, string]>([
    ["another version", 400, handshake({ "Sec-WebSocket-Version": "99" })],
    ["no key", 400, handshake({ "Sec-WebSocket-Key": "" })],
    ["a key that is none", 400, handshake({ "Sec-WebSocket-Key": "x" })],
    ["extensions that make no sense", 101, handshake({ "Sec-WebSocket-Extensions": ";;=," })],
    ["a protocol twice", 400, handshake({ "Sec-WebSocket-Protocol": "a, a" })],
    ["another path", 404, handshake({}, "/v1/ws/../me")],
    ["a path that is none", 404, handshake({}, "//")],
    ["another origin", 403, handshake({ Origin: "https://evil.example" })],
    ["another method", 405, handshake().replace("GET", "POST")],
  ])("a handshake with %s", async (_name, status, bytes) => {
    const raw = await RawWebSocket.send(veche.baseUrl, bytes);
    await eventually(() => raw.text !== "", { every: 5 });
    expect(raw.status).toBe(status);
    raw.end();
  });

  test("messages that are never finished, and handshakes that are not, hold nobody up", async () => {
    const begun = await Promise.all(
      Array.from({ length: 40 }, () => RawWebSocket.open(veche.baseUrl, tokenOf(eve))),
    );
    for (const raw of begun) raw.write(text("x".repeat(16_000), { fin: false }));
    for (const raw of begun) raw.write(text("x", { announced: 16_000n }).subarray(0, 5));
    const half = await Promise.all(
      Array.from({ length: 200 }, () => RawWebSocket.send(veche.baseUrl, handshake().slice(0, 60))),
    );
    await talk.goesOn();
    for (const raw of [...begun, ...half]) raw.end();
  });
});

describe("floods", () => {
  type Way = "reading" | "not reading";
  const many = (bytes: Buffer) =>
    Buffer.concat(Array.from({ length: Math.ceil((64 * 1024) / bytes.length) }, () => bytes));
  const begun = (payload: string) => frame(OPCODE.text, payload, { fin: false });
  const small = many(frame(OPCODE.text, JSON.stringify({ op: "ping" })));
  const large = many(frame(OPCODE.text, "x".repeat(16_000)));
  const pings = many(frame(OPCODE.ping, "x".repeat(125)));
  const nothing = Buffer.alloc(0);

  test.each<[string, Way, number, Buffer, Buffer]>([
    ["frames", "reading", CONNECTIONS, nothing, small],
    ["frames", "not reading", CONNECTIONS, nothing, small],
    ["large frames that are refused", "reading", 10, nothing, large],
    ["large frames that are refused", "not reading", 10, nothing, large],
    ["pings", "reading", CONNECTIONS, nothing, pings],
    ["pings", "not reading", CONNECTIONS, nothing, pings],
    ["pongs", "reading", CONNECTIONS, nothing, many(frame(OPCODE.pong, "x".repeat(125)))],
    ["empty fragments", "reading", CONNECTIONS, begun(""), many(frame(0, "", { fin: false }))],
    ["fragments of a byte", "reading", CONNECTIONS, begun(" "), many(frame(0, " ", { fin: false }))],
  ])(
    "of %s, %s what is answered, are ended by the server",
    async (_name, way, count, first, portion) => {
      const open = () => RawWebSocket.open(veche.baseUrl, tokenOf(eve));
      const raws = await Promise.all(Array.from({ length: count }, open));
      await Promise.all(
        raws.map(async (raw) => {
          if (way === "not reading") raw.socket.pause();
          raw.write(first);
          while (!raw.ended) await raw.pour(portion, 10);
        }),
      );
      await talk.goesOn();
    },
    30_000,
  );
});

test("the two who talked noticed nothing, and nothing else was written", async () => {
  const { sent, seen, kept, disturbances, slowest } = await talk.judge();
  expect(disturbances).toEqual([]);
  const seqs = Array.from({ length: sent }, (_, i) => i + 1);
  expect(seen[0]?.map(({ seq }) => seq)).toEqual(seqs);
  expect(seen[1]).toEqual(seen[0]);
  expect(kept).toEqual(seen[0]);
  expect(slowest).toBeLessThan(NOTICED_AFTER_MS);
});

test("it is the process that was started, it logged no fault, and its memory stayed within bounds", () => {
  expect([veche.running, veche.pid]).toEqual([true, pid]);
  expect(veche.log()).not.toMatch(/"level":(50|60)|A request failed/);
  expect(highestMemory()).toBeLessThan(MEMORY_MIB);
});

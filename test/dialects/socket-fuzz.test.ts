// chat-server's WebSocket under frames of any kind: each is answered, none ends the connection or tells what is inside.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { WebSocket } from "ws";
import { eventually } from "../servers/eventually.ts";
import { signUp } from "../support/http.ts";
import { HOSTILE, hostile } from "../support/inputs.ts";
import { embeddedTarget } from "./suites/embedded.ts";

const target = embeddedTarget();
const ERRORS = ["not in room", "not room member", "invalid room id", "invalid operation"];

const oneOf = expect.stringMatching(new RegExp(`^(${ERRORS.join("|")})$`));

let socket: WebSocket;
const frames: string[] = [];

beforeAll(async () => {
  const { accessToken } = await signUp(target.baseUrl());
  socket = new WebSocket(`${target.baseUrl().replace("http", "ws")}/ws?token=${accessToken}`);
  socket.on("message", (bytes) => frames.push(String(bytes)));
  await eventually(() => frames.length === 1);
});
afterAll(() => socket.terminate());

/** Each frame has one answer; the pace is below what a connection may say in a second. */
async function answerTo(frame: string | Buffer): Promise<unknown> {
  const before = frames.length;
  socket.send(frame);
  await eventually(() => frames.length > before, { within: 5_000, every: 11 });
  return JSON.parse(frames[before] ?? "");
}

const fitting = HOSTILE.filter((text) => text.length < 15_000);

test("hostile frames, types, rooms and texts", async () => {
  const built = [
    ...fitting,
    ...fitting.flatMap((value) => [
      `{"Type":${value}}`,
      `{"Type":"enter","RoomID":${value}}`,
      `{"Type":"message","Text":${value}}`,
    ]),
  ];
  for (const frame of built) {
    expect(await answerTo(frame)).toEqual({ Type: "error", Error: oneOf });
  }
  expect(await answerTo(Buffer.from([0, 255, 1]))).toEqual({ Type: "error", Error: "invalid operation" });
  expect(socket.readyState).toBe(socket.OPEN);
}, 60_000);

test("frames of chance", async () => {
  const drawn = fc.sample(hostile, 150).filter((text) => Buffer.byteLength(text) < 15_000);
  for (const frame of drawn) {
    expect(await answerTo(frame)).toEqual({ Type: "error", Error: oneOf });
  }
  expect(socket.readyState).toBe(socket.OPEN);
}, 60_000);

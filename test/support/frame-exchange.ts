// Frames of any kind to `/v1/ws`, and whether what comes back is documented.
import { expect } from "@jest/globals";
import { WebSocket } from "ws";
import { STATUS } from "../../lib/errors.ts";
import { gatewayFrames } from "../../services/api/realtime/frames.ts";
import { chatSignals, entryFrames } from "../../services/chat/chat.contract.ts";
import { roomSignals } from "../../services/rooms/rooms.contract.ts";
import { eventually } from "../servers/eventually.ts";

const DOCUMENTED_OPS = Object.keys({ ...gatewayFrames, ...entryFrames, ...chatSignals, ...roomSignals });
const DOCUMENTED_CODES = new Set(Object.keys(STATUS).filter((code) => code !== "INTERNAL"));

export type Answer = Record<string, unknown>;

/**
 * Sends frames on a connection of its own, and then a ping.
 * @param isAll whether this is all that must come
 * @returns what came until the ping was answered, and that was so
 */
export async function exchangeFrames(
  baseUrl: string,
  token: string,
  frames: (string | Buffer)[],
  isAll: (answers: Answer[]) => boolean = () => true,
): Promise<Answer[]> {
  const socket = new WebSocket(`${baseUrl.replace("http", "ws")}/v1/ws?access_token=${token}`);
  const answers: Answer[] = [];
  let end: number | undefined;
  socket.on("message", (bytes) => answers.push(JSON.parse(String(bytes))));
  socket.on("close", (code) => {
    end = code;
  });
  await new Promise((opened) => socket.once("open", opened));
  for (const each of frames) socket.send(each);
  // Not JSON's own ping: its answer could be one to a frame.
  const ponged = new Promise((answered) => socket.once("pong", answered));
  socket.ping();
  await Promise.race([ponged, eventually(() => end !== undefined)]);
  await eventually(() => end !== undefined || isAll(answers), { every: 2 });
  expect(end).toBeUndefined();
  socket.close();
  await eventually(() => end !== undefined, { every: 2 });
  return answers;
}

export function expectDocumented(answers: Answer[]): void {
  for (const answer of answers) {
    expect(DOCUMENTED_OPS).toContain(answer.op);
    if (answer.op !== "error") continue;
    expect(DOCUMENTED_CODES).toContain(answer.code);
    expect(typeof answer.message).toBe("string");
    expect(answer.message).not.toMatch(/\n\s+at |node_modules|v1\.chat\./);
  }
}

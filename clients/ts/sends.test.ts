import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { newDirectChatId } from "../../lib/ids.ts";
import { type Frame, ScriptedGateway } from "../../test/support/scripted-gateway.ts";
import type { Ack } from "./frames.ts";
import { LiveConnection } from "./live-connection.ts";
import { SteadyConnection } from "./steady-connection.ts";

const kinds = ["live", "steady"] as const;
const [one, two] = [newDirectChatId(), newDirectChatId()];

let gateway: ScriptedGateway;
/** Acknowledges, or refuses, the sends: each test says when, and in which order. */
let answers: ((frame: Frame) => void)[];
let open: { close(): unknown }[];
beforeEach(async () => {
  answers = [];
  gateway = await ScriptedGateway.start((frame, { reply }) => {
    if (frame.op === "auth") reply({ op: "ready" });
    const { conversation, nonce } = frame;
    if (frame.op === "send") answers.push((answer) => reply({ conversation, nonce, ...answer }));
  });
  open = [gateway];
});
afterEach(async () => {
  for (const each of open.toReversed()) await each.close();
});

async function connect(kind: (typeof kinds)[number]) {
  const { url } = gateway;
  const connection =
    kind === "live"
      ? await LiveConnection.open(url, "token")
      : new SteadyConnection({ url, token: () => "token" });
  open.push(connection);
  return connection;
}

const ack = (seq: number): Frame => ({ op: "ack", seq, sent_at_unix_ms: 1 });

test.each(kinds)("%s: one nonce in two conversations is two messages", async (kind) => {
  const connection = await connect(kind);
  const sent: Promise<Ack>[] = [connection.send(one, "hello", "n-1"), connection.send(two, "hello", "n-1")];
  await gateway.heard("send", 2);
  answers[1]?.(ack(22));
  answers[0]?.(ack(11));
  expect(await Promise.all(sent)).toMatchObject([{ seq: 11 }, { seq: 22 }]);
});

test.each(kinds)("%s: a refusal is of the message that was refused", async (kind) => {
  const connection = await connect(kind);
  const kept = connection.send(one, "hello", "n-1");
  const refused = connection.send(two, "hello", "n-1");
  await gateway.heard("send", 2);
  answers[1]?.({ op: "error", code: "PERMISSION_DENIED", message: "No.", of: "send" });
  await expect(refused).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  answers[0]?.(ack(1));
  expect(await kept).toMatchObject({ seq: 1 });
});

test.each(kinds)("%s: the same message sent twice is sent once, and both are acknowledged", async (kind) => {
  const connection = await connect(kind);
  const sent = [connection.send(one, "hello", "n-1"), connection.send(String(Number(one)), "hello", "n-1")];
  await gateway.heard("send");
  // Sends keep their order, so a second one would have come before this.
  const last = connection.send(one, "bye", "n-2");
  await gateway.heard("send", 2);
  for (const answer of answers) answer(ack(1));
  expect(await Promise.all(sent)).toMatchObject([{ seq: 1 }, { seq: 1 }]);
  await last;
  expect(gateway.all("send").map(({ nonce }) => nonce)).toEqual(["n-1", "n-2"]);
});

test.each(kinds)("%s: another text under a nonce that is under way is refused", async (kind) => {
  const connection = await connect(kind);
  const sent = connection.send(one, "hello", "n-1");
  await expect(connection.send(one, "bye", "n-1")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  await gateway.heard("send");
  answers[0]?.(ack(1));
  expect(await sent).toMatchObject({ seq: 1 });
});

// Acknowledged messages a second over WebSocket, each sender with one under way, into one conversation and into many.
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { allBut, type Cluster, startCluster } from "../test/servers/cluster.ts";
import { openChat, openRoom, register } from "./accounts.ts";
import { ask } from "./asking.ts";
import type { Senders, Sending, Sent } from "./load/senders.ts";
import { median, startProcess, startTarget, stopProcess, stopTarget } from "./target.ts";

const SENDERS = [1, 16, 256];
const MOST = 256;
const ROUNDS = 3;
const MS = 2_000;

/** What runs it, and how many milliseconds a measurement takes. */
interface Runtime {
  name: string;
  url: string;
  ms: number;
  stop(): Promise<void>;
}

export async function sendBench(): Promise<void> {
  for (const start of [startEmbedded, startNodes]) {
    const runtime = await start();
    try {
      await measure(runtime);
    } finally {
      await runtime.stop();
    }
  }
}

async function measure({ name, url, ms }: Runtime): Promise<void> {
  const people = await register(url, MOST);
  const room = await openRoom(url, people);
  // In a ring, so that each has a chat to send into that nobody else sends into.
  const senders: Senders["senders"] = [];
  for (const [i, person] of people.entries()) {
    const next = people[(i + 1) % MOST] ?? person;
    senders.push({ token: person.token, conversation: await openChat(url, person, next) });
  }
  const load = startProcess("load/senders.ts");
  try {
    await ask(load, "connect", { url: `${url.replace("http", "ws")}/v1/ws`, senders } satisfies Senders);
    const ways = SENDERS.flatMap((count) => [
      { what: `${count} into one room`, count, conversation: room },
      { what: `${count} into ${count} chats`, count },
    ]).filter(({ what }) => what !== "1 into 1 chats");
    const results = new Map<string, Sent[]>(ways.map(({ what }) => [what, []]));
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { what, count, conversation } of ways) {
        const sent = await send(load, { count, ms, conversation });
        // The first round warms up.
        if (round > 0) results.get(what)?.push(sent);
      }
      process.stderr.write(`${name}: round ${round} of ${ROUNDS}\r`);
    }
    report(name, results);
  } finally {
    await stopProcess(load);
  }
}

const send = (load: ChildProcess, sending: Sending): Promise<Sent> => ask(load, "send", sending);

function report(name: string, results: Map<string, Sent[]>): void {
  console.log(`\n${name}, the room of ${MOST} members, median of ${ROUNDS} rounds`);
  console.table(
    [...results].map(([what, sent]) => ({
      senders: what,
      "messages/s": Math.round(median(sent.map(({ rate }) => rate))),
      "p50 ms": median(sent.map(({ p50 }) => p50)).toFixed(1),
      "p99 ms": median(sent.map(({ p99 }) => p99)).toFixed(1),
    })),
  );
}

async function startEmbedded(): Promise<Runtime> {
  const target = await startTarget("veche");
  return { name: "embedded", url: target.url, ms: MS, stop: () => stopTarget(target) };
}

/** With the stand-in for MongoDB of the tests, which takes one command at a time: a sense of scale, and no more. */
async function startNodes(): Promise<Runtime> {
  const cluster: Cluster = await startCluster({
    nodes: {
      gateway: ["api"],
      core: allBut("api", "chat"),
      "chat-1": ["chat"],
      "chat-2": ["chat"],
    },
    env: { REGISTRATIONS_PER_ADDRESS_PER_HOUR: "1000000", LOG_LEVEL: "error" },
    program: fileURLToPath(new URL("targets/node.ts", import.meta.url)),
  });
  const url = cluster.node("gateway").baseUrl;
  return { name: "cluster", url, ms: MS / 2, stop: () => cluster.stop() };
}

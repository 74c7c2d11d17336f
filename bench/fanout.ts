// What it costs to bring messages to 500 sockets, as ratios to a plain loop over `ws` and to Socket.IO's rooms.
import type { ChildProcess } from "node:child_process";
import { JWT_SECRET, openRoom, register } from "./accounts.ts";
import { ask, cpuOf } from "./asking.ts";
import type { Burst, Opening } from "./load/listeners.ts";
import {
  median,
  startProcess,
  startTarget,
  stopProcess,
  stopTarget,
  type Target,
  webSocketUrl,
} from "./target.ts";

const SOCKETS = 500;
const ROUNDS = 5;
const TEXT =
  "Veche was the assembly where people talked, and what one of them said was heard by all of the others.";

/** A frame of Veche with that text, as to its length. */
const PAYLOAD = JSON.stringify({
  op: "message",
  id: "0243988467494696.0000000000000001",
  conversation_id: "0243988467494696",
  seq: 1_000,
  sender_id: "0243988467494697",
  type: "message",
  text: TEXT,
  sent_at_unix_ms: 1795257096950,
});

const WAYS: Record<string, Omit<Burst, "frame">> = {
  "one by one": { senders: 1, each: 1, bursts: 200 },
  "10 at once, from one socket": { senders: 1, each: 10, bursts: 40 },
  "10 at once, from ten sockets": { senders: 10, each: 1, bursts: 40 },
};

interface Contestant {
  name: string;
  target: Target;
  listeners: ChildProcess;
  frame: string;
}

interface Figures {
  /** Microseconds of the server's CPU for each frame that a socket gets. */
  cpu: number;
  deliveries: number;
  /** Milliseconds until everybody has all of a burst: the median. */
  latency: number;
}

export async function fanoutBench(): Promise<void> {
  const contestants: Contestant[] = [];
  try {
    contestants.push(await veche(), await plainLoop(), await socketIo());
    const figures = new Map<string, Figures[]>();
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [way, burst] of Object.entries(WAYS)) {
        for (const contestant of contestants) {
          const measured = await measure(contestant, burst);
          // The first round warms up.
          if (round > 0)
            figures.set(`${way}/${contestant.name}`, [
              ...(figures.get(`${way}/${contestant.name}`) ?? []),
              measured,
            ]);
        }
      }
      process.stderr.write(`round ${round} of ${ROUNDS}\r`);
    }
    report(contestants, figures);
  } finally {
    await Promise.all(contestants.map(({ listeners }) => stopProcess(listeners)));
    await Promise.all(contestants.map(({ target }) => stopTarget(target)));
  }
}

async function measure(
  { target, listeners, frame }: Contestant,
  burst: Omit<Burst, "frame">,
): Promise<Figures> {
  const before = await cpuOf(target.child);
  const took = await ask<number[]>(listeners, "run", { ...burst, frame } satisfies Burst);
  const cpu = (await cpuOf(target.child)) - before;
  const frames = burst.senders * burst.each * burst.bursts * SOCKETS;
  const elapsed = took.reduce((sum, ms) => sum + ms, 0);
  return { cpu: cpu / frames, deliveries: (frames / elapsed) * 1_000, latency: median(took) };
}

function report(contestants: Contestant[], figures: Map<string, Figures[]>): void {
  console.log(`\n${SOCKETS} sockets, median of ${ROUNDS} rounds in turns`);
  const rows = Object.keys(WAYS).flatMap((way) => {
    const of = (name: string, figure: keyof Figures) =>
      median((figures.get(`${way}/${name}`) ?? []).map((measured) => measured[figure]));
    return contestants.map(({ name }) => ({
      messages: way,
      server: name,
      "CPU µs/frame": of(name, "cpu").toFixed(2),
      "of ws loop": (of(name, "cpu") / of("ws loop", "cpu")).toFixed(2),
      "of Socket.IO": (of(name, "cpu") / of("Socket.IO", "cpu")).toFixed(2),
      "deliveries/s": Math.round(of(name, "deliveries")),
      "median ms": of(name, "latency").toFixed(1),
    }));
  });
  console.table(rows);
}

async function veche(): Promise<Contestant> {
  const target = await startTarget("veche", { env: { JWT_SECRET } });
  const people = await register(target.url, SOCKETS);
  const conversation = await openRoom(target.url, people);
  const listeners = await listen({
    url: webSocketUrl(target, "/v1/ws"),
    tokens: people.map(({ token }) => token),
    sockets: SOCKETS,
    hello: { frame: JSON.stringify({ op: "subscribe", conversation }), until: '{"op":"subscribed"' },
    counted: '{"op":"message"',
  });
  const frame = JSON.stringify({ op: "send", conversation, text: TEXT, nonce: "#" });
  return { name: "Veche", target, listeners, frame };
}

async function plainLoop(): Promise<Contestant> {
  const target = await startTarget("bare-ws");
  const url = webSocketUrl(target, "/");
  const listeners = await listen({ url, tokens: [], sockets: SOCKETS, counted: "{" });
  return { name: "ws loop", target, listeners, frame: PAYLOAD };
}

/** Speaks just enough of Engine.IO 4 and Socket.IO 5. */
async function socketIo(): Promise<Contestant> {
  const target = await startTarget("socket-io");
  const listeners = await listen({
    url: webSocketUrl(target, "/socket.io/?EIO=4&transport=websocket"),
    tokens: [],
    sockets: SOCKETS,
    hello: { frame: "40", until: "40" },
    counted: '42["message"',
  });
  return { name: "Socket.IO", target, listeners, frame: `42${JSON.stringify(["message", PAYLOAD])}` };
}

async function listen(opening: Opening): Promise<ChildProcess> {
  const listeners = startProcess("load/listeners.ts");
  await ask(listeners, "open", opening);
  return listeners;
}

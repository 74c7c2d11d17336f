// Senders that each have one message under way: the clients of one target, in a process of their own.
import { answering } from "../asking.ts";
import { RawSocket } from "./raw-socket.ts";

export interface Senders {
  url: string;
  /** Each has a connection of its own, by which it sends into its own conversation, or all into the same one. */
  senders: { token: string; conversation: string }[];
}

export interface Sending {
  /** How many of the senders take part. */
  count: number;
  ms: number;
  /** Into which all send; by default each into its own. */
  conversation?: string;
}

export interface Sent {
  /** Acknowledged messages a second. */
  rate: number;
  /** Milliseconds from sending to the acknowledgement. */
  p50: number;
  p99: number;
}

const ACK = '{"op":"ack"';
const TEXT = "Veche was the assembly where people talked.";

const open: { socket: RawSocket; conversation: string }[] = [];
let sent = 0;

async function connect({ url, senders }: Senders): Promise<void> {
  for (const { token, conversation } of senders) {
    const socket = await RawSocket.open({ url, token });
    await socket.got('{"op":"ready"');
    open.push({ socket, conversation });
  }
}

async function send({ count, ms, conversation: common }: Sending): Promise<Sent> {
  const latencies: number[] = [];
  const begin = performance.now();
  await Promise.all(
    open.slice(0, count).map(
      ({ socket, conversation: own }) =>
        new Promise<void>((resolve, reject) => {
          const conversation = common ?? own;
          let at = 0;
          const next = () => {
            at = performance.now();
            if (at - begin > ms) return resolve();
            socket.send(JSON.stringify({ op: "send", conversation, text: TEXT, nonce: `n${++sent}` }));
          };
          socket.onText = (payload) => {
            if (!payload.toString("latin1", 0, ACK.length).startsWith(ACK))
              return reject(new Error(payload.toString()));
            latencies.push(performance.now() - at);
            next();
          };
          socket.onClose = (code) => reject(new Error(`closed with ${code}`));
          next();
        }),
    ),
  );
  const elapsed = performance.now() - begin;
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (q: number) => sorted[Math.floor(sorted.length * q)] ?? Number.NaN;
  return { rate: (latencies.length / elapsed) * 1_000, p50: quantile(0.5), p99: quantile(0.99) };
}

process.on("disconnect", () => process.exit(0));
answering({ connect, send });

// Many sockets that listen, one or some of which also send: the clients of one target, in a process of their own.
import { answering } from "../asking.ts";
import { RawSocket } from "./raw-socket.ts";

/** How a target is spoken to. */
export interface Opening {
  url: string;
  /** One for each socket; they take turns. */
  tokens: string[];
  sockets: number;
  /** Sent when a socket is open, and how the answer begins that is waited for. */
  hello?: { frame: string; until: string };
  /** How the frames begin that are counted. */
  counted: string;
}

export interface Burst {
  /** Each sender sends one frame in each burst … */
  senders: number;
  /** … or as many. */
  each: number;
  bursts: number;
  /** `#` becomes a number that no other has. */
  frame: string;
}

const TOGETHER = 50;

const sockets: RawSocket[] = [];
let counted = 0;
let awaited = 0;
let arrived: () => void = () => {};
let sent = 0;

async function open({ url, tokens, sockets: count, hello, counted: beginning }: Opening): Promise<void> {
  const bytes = Buffer.from(beginning);
  const openOne = async (index: number) => {
    const socket = await RawSocket.open({ url, token: tokens[index % tokens.length] });
    if (hello) {
      socket.send(hello.frame);
      await socket.got(hello.until);
    }
    socket.onText = (payload) => {
      if (payload.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0) return;
      counted += 1;
      if (counted === awaited) arrived();
    };
    socket.onClose = (code) => {
      throw new Error(`a socket was closed with ${code}`);
    };
    sockets.push(socket);
  };
  while (sockets.length < count) {
    const next = Math.min(TOGETHER, count - sockets.length);
    await Promise.all(Array.from({ length: next }, (_, i) => openOne(sockets.length + i)));
  }
}

/** Each burst is sent when everybody has all of the one before. @returns milliseconds of each burst */
async function run({ senders, each, bursts, frame }: Burst): Promise<number[]> {
  const took: number[] = [];
  for (let burst = 0; burst < bursts; burst += 1) {
    const begin = performance.now();
    await new Promise<void>((resolve) => {
      arrived = resolve;
      awaited = counted + senders * each * sockets.length;
      for (const socket of sockets.slice(0, senders)) {
        socket.send(...Array.from({ length: each }, () => frame.replace("#", `n${++sent}`)));
      }
    });
    took.push(performance.now() - begin);
  }
  return took;
}

process.on("disconnect", () => process.exit(0));
answering({ open, run });

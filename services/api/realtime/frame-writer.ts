/**
 * Writes text frames to one WebSocket: each framed once for all sockets, and all of a turn of the event loop in one write.
 *
 * It writes to the TCP socket beside `ws`, which sends nothing but control frames then. Those may stand between any two whole
 * frames, and `ws`, without compression, writes them at once; only behind a close nothing may follow, and so what waits goes out
 * before it.
 */
import type { Duplex } from "node:stream";
import * as ws from "ws";
import type { Writer, WriteTurn } from "./write-turn.ts";

// Public, and left out of its types.
const { Sender } = ws as unknown as {
  Sender: { frame(payload: Buffer, options: typeof TEXT): Buffer[] };
};

const TEXT = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false } as const;

/** What is written once more than once: an entry of the log. */
export interface Frame {
  frame: string | Buffer;
}

export class FrameWriter implements Writer {
  readonly #socket: ws.WebSocket;
  readonly #tcp: Duplex;
  readonly #turn: WriteTurn;
  #waiting: Buffer[] | undefined;
  #waitingBytes = 0;
  #written: (() => void)[] | undefined;

  /** @param tcp what the socket was made of */
  constructor(socket: ws.WebSocket, tcp: Duplex, turn: WriteTurn) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#turn = turn;
  }

  /** Bytes that the network has not taken yet. */
  get buffered(): number {
    return this.#tcp.writableLength + this.#waitingBytes;
  }

  /** @param framed by `frameOf` or `framedOf`. @param written called when it has left for the network, or never will */
  write(framed: Buffer, written?: () => void): void {
    if (this.#waiting) this.#waiting.push(framed);
    else {
      this.#waiting = [framed];
      this.#turn.add(this);
    }
    this.#waitingBytes += framed.length;
    if (written) (this.#written ??= []).push(written);
  }

  flush(turn = this.#turn): void {
    if (!this.#waiting) return;
    const whole = turn.join(this.#waiting);
    const written = this.#written;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#written = undefined;
    const done = written && (() => written.forEach((tell) => tell()));
    // The client may have closed it since.
    if (this.#socket.readyState !== this.#socket.OPEN) done?.();
    else this.#tcp.write(whole, done);
  }
}

export function frameOf(text: string | Buffer): Buffer {
  const payload = typeof text === "string" ? Buffer.from(text) : text;
  return Buffer.concat(Sender.frame(payload, TEXT));
}

const framed = new WeakMap<Frame, Buffer>();

/** Framed once for all sockets. */
export function framedOf(entry: Frame): Buffer {
  const known = framed.get(entry);
  if (known) return known;
  const bytes = frameOf(entry.frame);
  framed.set(entry, bytes);
  return bytes;
}

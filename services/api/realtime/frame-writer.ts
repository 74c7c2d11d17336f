/**
 * Writes text frames to one WebSocket: each framed once for all sockets, and all of a turn of the event loop in one write.
 *
 * It writes to the TCP socket beside `ws`, which sends nothing but control frames then. Those may stand between any two whole
 * frames, and `ws`, without compression, writes them at once; only behind a close nothing may follow, and so what waits goes out
 * before it.
 */
import type { Duplex } from "node:stream";
import * as ws from "ws";
import type { Limits } from "./limits.ts";
import type { Writer, WriteTurn } from "./write-turn.ts";

// Public, and left out of its types.
const { Sender } = ws as unknown as {
  Sender: { frame(payload: Buffer, options: typeof TEXT): Buffer[] };
};

const TEXT = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false } as const;

/** Beyond it what waits is written before the turn ends, so that the network can take it. In bytes. */
const AT_ONCE = 64 * 1024;

/** What all writers of a gateway share. */
export interface WriterHost {
  turn: WriteTurn;
  limits: Pick<Limits, "bufferedBytes">;
}

export interface WriterOwner {
  /** Called instead of a write that would bring what the network has not taken above the limit. */
  tooSlow(): void;
}

/** What is written once more than once: an entry of the log. */
export interface Frame {
  frame: string | Buffer;
}

export class FrameWriter implements Writer {
  readonly #socket: ws.WebSocket;
  readonly #tcp: Duplex;
  readonly #host: WriterHost;
  readonly #owner: WriterOwner;
  #first: Buffer | undefined;
  /** All that wait, where there are several. */
  #several: Buffer[] | undefined;
  #waitingBytes = 0;
  #written: (() => void)[] | undefined;

  /** @param tcp what the socket was made of */
  constructor(socket: ws.WebSocket, tcp: Duplex, host: WriterHost, owner: WriterOwner) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#host = host;
    this.#owner = owner;
  }

  /**
   * Looks at nothing but this writer: of hundreds that get the same, the rest is then touched once, by `flush`.
   * @param framed by `frameOf` or `framedOf`
   * @param written called when it has left for the network, or never will
   */
  write(framed: Buffer, written?: () => void): void {
    if (this.#first === undefined) {
      this.#first = framed;
      this.#host.turn.add(this);
    } else if (this.#several === undefined) this.#several = [this.#first, framed];
    else this.#several.push(framed);
    this.#waitingBytes += framed.length;
    if (written) {
      this.#written ??= [];
      this.#written.push(written);
    }
    if (this.#waitingBytes > AT_ONCE) this.flush();
  }

  flush(): void {
    const { turn, limits } = this.#host;
    const first = this.#first;
    if (first === undefined) return;
    const several = this.#several;
    const bytes = this.#waitingBytes;
    const written = this.#written;
    this.#first = undefined;
    this.#several = undefined;
    this.#waitingBytes = 0;
    this.#written = undefined;
    // It may have been closed since, by whom it may.
    if (this.#socket.readyState !== this.#socket.OPEN) tell(written);
    else if (this.#tcp.writableLength + bytes > limits.bufferedBytes) {
      this.#owner.tooSlow();
      tell(written);
    } else this.#tcp.write(several ? turn.join(several) : first, written && (() => tell(written)));
  }
}

function tell(written: (() => void)[] | undefined): void {
  for (const done of written ?? []) done();
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

/** One stream of server-sent events (the HTML standard's): a conversation's entries over plain HTTP, one way. */
import type { ServerResponse } from "node:http";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import type { Caller } from "../../../lib/contract.ts";
import { permissionDenied, resourceExhausted, unauthenticated, unavailable } from "../../../lib/errors.ts";
import type { ConversationId } from "../../../lib/ids.ts";
import type { Entry } from "../../chat/chat.contract.ts";
import type { LiveEntry } from "./conversation-feed.ts";
import { SESSION_REVOKED } from "./frames.ts";
import type { Host } from "./host.ts";
import type { LiveClient } from "./live-client.ts";
import { type Granted, type Outlet, Subscription } from "./subscription.ts";
import type { Writer } from "./write-turn.ts";

export const EVENT_STREAM_HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  // nginx would gather events until its buffer is full.
  "X-Accel-Buffering": "no",
};

export interface StreamRequest {
  checked: CheckedToken;
  conversation: ConversationId;
  /** Notes the tail, then asks whether the caller may read. @throws what it throws */
  authorize(): Promise<Granted>;
}

/** When a client comes back after its stream has ended. Drawn, so that not all come back at once. */
const RETRY_MS = { from: 500, to: 3_000 };
const HEARTBEAT = ":\n\n";

export class EventStream implements LiveClient, Outlet, Writer {
  readonly caller: Caller;
  readonly deadline: number;
  readonly #res: ServerResponse;
  readonly #host: Host;
  #subscription: Subscription | undefined;
  #turn = Promise.resolve();
  #corked = false;
  /** Why it has ended before it began. */
  #refusal: Error | undefined;

  constructor(res: ServerResponse, host: Host, { caller, expiresAt }: CheckedToken) {
    this.#res = res;
    this.#host = host;
    this.caller = caller;
    this.deadline = expiresAt * 1000;
    res.on("error", () => {});
    res.on("close", () => this.#release());
  }

  /** Resolves when it has begun. @throws while nothing is answered yet */
  async start({ conversation, authorize }: StreamRequest): Promise<void> {
    if (!this.#host.admit(this, this.caller.id)) throw resourceExhausted("You have too many connections.", 1);
    if (this.#res.destroyed) return;
    const subscription = new Subscription(this.#host.feeds.hold(conversation), this, () =>
      this.#end(permissionDenied("You are no longer in this conversation.")),
    );
    this.#subscription = subscription;
    const allowed = async () => {
      const granted = await authorize();
      if (this.#refusal) throw this.#refusal;
      return granted;
    };
    try {
      await subscription.start(allowed, () => this.#begin());
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  pushEntry(entry: LiveEntry | Entry, written?: () => void): void {
    this.#write(eventOf(entry), written);
  }

  /** A stream is of the log alone: signals are for clients that send them too. */
  pushSignal(): void {}

  inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  revoke(): void {
    this.#end(
      unauthenticated("The session has ended."),
      `event: session_revoked\ndata: ${SESSION_REVOKED}\n\n`,
    );
  }

  expire(): void {
    this.#end(unauthenticated());
  }

  /** There is no answer to wait for: who is gone shows as a socket that takes nothing more, or as an error of TCP. */
  beat(): void {
    if (this.#res.headersSent) this.#write(HEARTBEAT);
  }

  async leave(): Promise<void> {
    this.#end(unavailable("This gateway is going away."));
  }

  terminate(): void {
    this.#res.destroy();
  }

  #begin(): void {
    this.#res.writeHead(200, EVENT_STREAM_HEADERS);
    this.#res.socket?.setKeepAlive(true, this.#host.limits.heartbeatMs);
    const retry = RETRY_MS.from + Math.random() * (RETRY_MS.to - RETRY_MS.from);
    this.#write(`retry: ${Math.round(retry)}\n\n`);
  }

  #write(text: string | Buffer, written?: () => void): void {
    if (this.#res.destroyed || this.#res.writableEnded) {
      written?.();
    } else if (this.#res.writableLength > this.#host.limits.bufferedBytes) {
      // An orderly end would wait behind all that is not read. The client resumes after the last whole event.
      this.terminate();
      written?.();
    } else {
      this.#cork();
      this.#res.write(text, written && (() => written()));
    }
  }

  /** Until the turn ends: what it brings goes out in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#res.cork();
    this.#host.turn.add(this);
  }

  flush(): void {
    if (this.#corked && !this.#res.writableEnded) this.#res.uncork();
    this.#corked = false;
  }

  /** @param refusal the answer, where the stream has not begun */
  #end(refusal: Error, last?: string): void {
    this.#refusal ??= refusal;
    if (!this.#res.headersSent) return;
    if (last !== undefined) this.#write(last);
    this.#release();
    // Node sends the end of a corked answer ahead of the rest.
    this.flush();
    this.#res.end();
  }

  #release(): void {
    this.#subscription?.end();
  }
}

const encoded = new WeakMap<LiveEntry | Entry, Buffer>();

/** Encoded once for all streams. A frame is one line of JSON, and so needs no second `data:`. */
function eventOf(entry: LiveEntry | Entry): Buffer {
  const known = encoded.get(entry);
  if (known) return known;
  const frame = entry.frame.toString();
  // A frame of the log always has its op.
  const { op } = JSON.parse(frame) as { op: string };
  const event = Buffer.from(`id: ${entry.seq}\nevent: ${op}\ndata: ${frame}\n\n`);
  encoded.set(entry, event);
  return event;
}

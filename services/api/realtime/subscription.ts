/**
 * One connection's reading of one conversation, in three phases:
 *
 * - backfill: the bus is listened to, then the tail is noted, then membership is asked for. What the client lacks up to that
 *   tail, and beyond it while more than a few keep arriving, is read from the log, a page at a time, each written out
 *   before the next is read.
 * - cutover: in one synchronous step, what arrived meanwhile comes from the feed's memory, and the reader is live.
 * - live: entries come from the feed. Those already read from the log are passed over.
 *
 * `seq` only grows, and by one: so nothing is missing, twice or out of order. It ends behind the entry by which its user left, if
 * that is beyond the tail: one before it is of an earlier stay.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Caller } from "../../../lib/contract.ts";
import { unavailable } from "../../../lib/errors.ts";
import type { Entry, Signal } from "../../chat/chat.contract.ts";
import { type LiveEntry, PAGE, type Reader } from "./conversation-feed.ts";
import type { HeldFeed } from "./feeds.ts";

/** The log is behind what was noted or published: it will be there shortly. */
const EMPTY_PAGE_PAUSE_MS = 20;
/** Together a few seconds. */
const MAX_EMPTY_PAGES = 200;

/** Where entries go. */
export interface Outlet {
  readonly caller: Caller | undefined;
  /** @param written called when the entry has left for the network, or never will */
  pushEntry(entry: LiveEntry | Entry, written?: () => void): void;
  pushSignal(signal: Signal): void;
  /** Runs what writes a lot, one after the other: together they would pass for a slow reader. */
  inTurn(work: () => Promise<void>): Promise<void>;
}

/** That a user may read, and from where. */
export interface Granted {
  tail: number;
  /** The last seq that the client has; without it the client wants only what is new. */
  after?: number | undefined;
}

export class Subscription implements Reader {
  /** The client has been sent everything up to it. */
  seq = 0;
  readonly #held: HeldFeed;
  readonly #outlet: Outlet;
  readonly #onClosed: () => void;
  #tail = 0;
  #emptyPages = 0;
  #ended = false;
  #authorized = false;

  /** @param onClosed called when there is nothing more to read: the user is no longer a member, or the conversation is gone */
  constructor(held: HeldFeed, outlet: Outlet, onClosed: () => void) {
    this.#held = held;
    this.#outlet = outlet;
    this.#onClosed = onClosed;
  }

  /**
   * Ends when the reader is live.
   * @param authorize notes the tail, then asks whether this user may read. @throws what it throws
   * @param onAuthorized tells the client, before the first entry
   */
  async start(authorize: () => Promise<Granted>, onAuthorized: (tail: number) => void): Promise<void> {
    const { feed, ready } = this.#held;
    await ready;
    const { tail, after = tail } = await authorize();
    if (this.#ended) return;
    this.#authorized = true;
    this.#tail = tail;
    feed.noteTail(tail);
    this.seq = Math.min(after, tail);
    onAuthorized(tail);
    while (!this.#ended && (feed.gone || this.seq < tail || !feed.join(this))) {
      if (feed.gone) this.closed();
      else await this.#outlet.inTurn(() => this.#backfill());
    }
  }

  deliver(entry: LiveEntry): void {
    if (this.#ended || entry.seq <= this.seq) return;
    this.#push(entry);
  }

  closed(): void {
    if (this.#ended) return;
    this.end();
    this.#onClosed();
  }

  /** Is nothing for who it is from, on none of their devices. */
  signal(signal: Signal): void {
    if (!this.#ended && this.#outlet.caller?.id !== signal.from) this.#outlet.pushSignal(signal);
  }

  /** Whether the user was found to be one who may read, and so may be heard. */
  get authorized(): boolean {
    return this.#authorized && !this.#ended;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held.feed.leave(this);
    this.#held.release();
  }

  async #backfill(): Promise<void> {
    if (this.#ended) return;
    const entries = await this.#held.readLog(this.seq, PAGE);
    const last = entries.at(-1);
    if (!last) {
      this.#emptyPages += 1;
      // The log is shorter than it was: the conversation is being deleted, or the database has gone back.
      if (this.#emptyPages > MAX_EMPTY_PAGES) throw unavailable();
      return sleep(EMPTY_PAGE_PAUSE_MS);
    }
    this.#emptyPages = 0;
    await new Promise<void>((written) => {
      if (this.#ended) return written();
      for (const entry of entries) {
        this.#push(entry, entry === last ? written : undefined);
        if (this.#ended) return written();
      }
    });
  }

  #push(entry: LiveEntry | Entry, written?: () => void): void {
    this.seq = entry.seq;
    this.#outlet.pushEntry(entry, written);
    if (entry.left !== undefined && entry.left === this.#outlet.caller?.id && entry.seq > this.#tail)
      this.closed();
  }
}

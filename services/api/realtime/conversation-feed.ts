/**
 * One conversation's entries as they come in at this gateway, put in order and handed to everyone who is live.
 *
 * The bus may lose, repeat and swap. So an entry is handed on only right behind the one before; what comes early waits,
 * and what is missing is read from the log before anything later goes out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Closing, Entry, Signal } from "../../chat/chat.contract.ts";

export interface LiveEntry {
  seq: number;
  /** Encoded once for all sockets. */
  frame: Buffer;
  /** Who is no longer a member from here on. */
  left?: string | undefined;
}

/** Somebody who reads along, and has everything up to `seq`. */
export interface Reader {
  readonly seq: number;
  deliver(entry: LiveEntry): void;
  /** Told once, behind all entries that were there before it: by those somebody may have left. */
  signal(signal: Signal): void;
  /** The conversation is gone. */
  closed(): void;
}

/** Reads the log forward from behind a seq: a page, shorter than `PAGE` where the log ends. */
export type ReadLog = (after: number, limit: number) => Promise<Entry[]>;

export const PAGE = 50;
/** Entries kept for those who come over from the log while more arrive. */
const RECENT = 128;
/** Entries that wait for one before them; beyond that they are read from the log. */
const MAX_EARLY = 1_000;
/** Signals that wait for an entry; of more the oldest are lost, as signals may be. */
const MAX_SIGNALS = 100;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

export class ConversationFeed {
  readonly #readLog: ReadLog;
  readonly #live = new Set<Reader>();
  readonly #early = new Map<number, LiveEntry>();
  #signals: Signal[] = [];
  /** The latest, without a hole, up to `#seq`. */
  #recent: LiveEntry[] = [];
  /** All live readers have everything up to it. Unknown until the first of them noted the tail. */
  #seq: number | undefined;
  #mending = false;
  #stale = false;
  #closed = false;
  #gone = false;

  constructor(readLog: ReadLog) {
    this.#readLog = readLog;
  }

  /** All live readers have everything up to it; undefined until the first of them noted the tail. */
  get seq(): number | undefined {
    return this.#seq;
  }

  /** @param message as it was published: an `Entry`, a `Signal` or a `Closing`, in JSON */
  receive(message: string): void {
    const published = parsePublished(message);
    if (published === undefined) return;
    if ("from" in published) this.#receiveSignal(published);
    else if ("closed" in published) this.end();
    else this.#receive(published);
  }

  /** The log was seen to reach up to `tail`. */
  noteTail(tail: number): void {
    if (this.#seq === undefined) {
      this.#seq = tail;
      this.#advance();
    } else if (tail > this.#seq) this.catchUp();
  }

  /** Something may have been missed: reads on from the log. */
  catchUp(): void {
    this.#stale = true;
    this.#advance();
  }

  /** Makes a reader live, with what arrived since it read the log. @returns false if it must read more of the log first */
  join(reader: Reader): boolean {
    const behind = (this.#seq ?? 0) - reader.seq;
    if (behind > this.#recent.length) return false;
    // Before it gets anything: with what it gets it may leave.
    this.#live.add(reader);
    if (behind > 0) for (const entry of this.#recent.slice(-behind)) reader.deliver(entry);
    return true;
  }

  /** Whether the conversation was seen to be gone. */
  get gone(): boolean {
    return this.#gone;
  }

  leave(reader: Reader): void {
    this.#live.delete(reader);
  }

  close(): void {
    this.#closed = true;
  }

  /** The conversation is gone. */
  end(): void {
    this.#gone = true;
    for (const reader of [...this.#live]) reader.closed();
  }

  #receiveSignal(signal: Signal): void {
    if (this.#seq === undefined) return;
    this.#signals.push(signal);
    if (this.#signals.length > MAX_SIGNALS) this.#signals.shift();
    this.#tellWaiting(this.#seq);
    this.noteTail(signal.behind);
  }

  #receive(entry: Entry): void {
    if (this.#seq !== undefined && entry.seq <= this.#seq) return;
    if (this.#early.size < MAX_EARLY) this.#early.set(entry.seq, encoded(entry));
    else this.#stale = true;
    this.#advance();
  }

  #advance(): void {
    if (this.#seq === undefined) return;
    this.#takeEarly(this.#seq);
    if ((this.#stale || this.#early.size > 0) && !this.#mending) void this.#mend();
  }

  #takeEarly(from: number): void {
    for (const seq of this.#early.keys()) if (seq <= from) this.#early.delete(seq);
    for (let seq = from + 1; ; seq++) {
      const entry = this.#early.get(seq);
      if (!entry) break;
      this.#handOn(entry);
    }
  }

  /** Reads the log until nothing is known to be missing. */
  async #mend(): Promise<void> {
    this.#mending = true;
    let pause = FIRST_PAUSE_MS;
    while (!this.#closed && (this.#stale || this.#early.size > 0)) {
      this.#stale = false;
      const entries = await this.#readLog(this.#seq ?? 0, PAGE).catch(() => undefined);
      if (!entries || entries.length === PAGE) this.#stale = true;
      for (const entry of entries ?? []) this.#handOn(encoded(entry));
      this.#takeEarly(this.#seq ?? 0);
      if (entries?.length) pause = FIRST_PAUSE_MS;
      else if (this.#stale || this.#early.size > 0) {
        await sleep(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
    this.#mending = false;
  }

  #handOn(entry: LiveEntry): void {
    this.#early.delete(entry.seq);
    if (entry.seq !== (this.#seq ?? 0) + 1) return;
    this.#seq = entry.seq;
    this.#recent.push(entry);
    if (this.#recent.length > RECENT) this.#recent.shift();
    for (const reader of this.#live) reader.deliver(entry);
    if (this.#signals.length > 0) this.#tellWaiting(entry.seq);
  }

  #tellWaiting(seq: number): void {
    const due = this.#signals.filter(({ behind }) => behind <= seq);
    this.#signals = this.#signals.filter(({ behind }) => behind > seq);
    for (const signal of due) for (const reader of this.#live) reader.signal(signal);
  }
}

const encoded = ({ seq, frame, left }: Entry): LiveEntry => ({ seq, frame: Buffer.from(frame), left });

const Published = z.union([Entry, Signal, Closing]);

/** Undefined for what is neither: another version's, in the middle of an update. If it was one, it shows as a gap. */
function parsePublished(message: string): Entry | Signal | Closing | undefined {
  try {
    return Published.safeParse(JSON.parse(message)).data;
  } catch {
    return undefined;
  }
}

/**
 * Finds the entries whose publication was lost and behind which nothing has come since: asks the chat service, for all
 * feeds of this gateway together, which conversations go further than they do here, and which are gone. Now and then, and at
 * once when something may just have been lost.
 */
import type { ConversationId } from "../../../lib/ids.ts";
import { MAX_TAILS, type TailSeq } from "../../chat/chat.contract.ts";
import type { ConversationFeed } from "./conversation-feed.ts";

export interface TailCheckOptions {
  feeds: ReadonlyMap<ConversationId, { feed: ConversationFeed }>;
  /** Of at most `MAX_TAILS`, those that go further, each with a seq that it reaches, and those that are gone. */
  compare(tails: TailSeq[]): Promise<{ further: TailSeq[]; gone: ConversationId[] }>;
  /** Milliseconds between two checks, at most. Up to a quarter less, so that gateways drift apart. */
  every: number;
  /** Told of the first of several failures. */
  onFailure(error: unknown): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export class TailCheck {
  readonly #options: TailCheckOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  /** Something may have been lost after the check under way had begun. */
  #again = false;
  #pause = FIRST_PAUSE_MS;
  #stopped = false;

  constructor(options: TailCheckOptions) {
    this.#options = options;
  }

  /** There is a feed to check from now on. Where there are none any more, it ends by itself. */
  watch(): void {
    if (this.#timer || this.#running || this.#stopped) return;
    const { every } = this.#options;
    this.#schedule(every * (0.75 + Math.random() / 4));
  }

  /** Checks at once, or once more behind the check that is under way. */
  now(): void {
    // Of these the tail is being asked for: whether that was before or after the loss is not known.
    for (const { feed } of this.#options.feeds.values()) if (feed.seq === undefined) feed.catchUp();
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = true;
    let failed = false;
    do {
      this.#again = false;
      failed = await this.#check().then(
        () => false,
        (error: unknown) => {
          if (this.#pause === FIRST_PAUSE_MS) this.#options.onFailure(error);
          return true;
        },
      );
    } while (this.#again && !failed && !this.#stopped);
    this.#running = false;
    if (failed) this.#tryAgain();
    else {
      this.#pause = FIRST_PAUSE_MS;
      if (this.#options.feeds.size > 0) this.watch();
    }
  }

  async #check(): Promise<void> {
    const { feeds, compare } = this.#options;
    const known = [...feeds].flatMap(([conversation, { feed }]) =>
      feed.seq === undefined ? [] : [{ conversation, seq: feed.seq }],
    );
    for (let from = 0; from < known.length && !this.#stopped; from += MAX_TAILS) {
      const { further, gone } = await compare(known.slice(from, from + MAX_TAILS));
      for (const { conversation, seq } of further) feeds.get(conversation)?.feed.noteTail(seq);
      for (const conversation of gone) feeds.get(conversation)?.feed.end();
    }
  }

  #tryAgain(): void {
    this.#schedule(this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#run(), ms);
    this.#timer.unref();
  }
}

/**
 * Writes drafts behind the tail of one conversation. What arrives while a write is under way goes out with the next one:
 * one ordered bulk insert, which keeps a prefix if it stops half-way, so that there is never a hole.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { resourceExhausted, unavailable } from "../../lib/errors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { EntryDocument } from "./chat.store.ts";
import { type Change, type Draft, entryAfter, isChange, isOfClient, type Tail, tailOf } from "./entries.ts";

/** Appends that wait for their turn in one conversation. */
const MAX_WAITING = 1_000;
const MAX_BATCH = 256;
/** How long one append may lose races before it gives up. */
const PATIENCE_MS = 4_000;
const LONGEST_PAUSE_MS = 100;
interface Waiting {
  draft: Draft;
  giveUpAt: number;
  resolve(entry: EntryDocument): void;
  reject(error: unknown): void;
}

/**
 * Who of some users may not append, and what each is to be told.
 * @throws where that can't be known now
 */
export type Refusals = (conversation: ConversationId, users: UserId[]) => Promise<Map<UserId, Error>>;

/** What a writer needs of its log. */
export interface Log {
  /** Asked after the tail was known that an append goes behind: who is put out later is so by an entry behind it. */
  refusals: Refusals;
  messages: Collection<EntryDocument>;
  tail(conversation: ConversationId): Promise<Tail>;
  /** Undefined: to be read again. */
  setTail(conversation: ConversationId, tail: Tail | undefined): void;
  publish(entry: EntryDocument): void;
  /** Applies an edit or a deletion to its target. @returns it as it now is */
  apply(change: Change): Promise<EntryDocument>;
  /**
   * The entry that was kept under the draft's nonce before, null where there is none.
   * @throws ALREADY_EXISTS where that one was of another draft
   */
  keptBefore(conversation: ConversationId, draft: Draft): Promise<EntryDocument | null>;
}

export class GroupCommit {
  readonly #log: Log;
  readonly #conversation: ConversationId;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #running = false;

  constructor(log: Log, conversation: ConversationId) {
    this.#log = log;
    this.#conversation = conversation;
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** In the order of the calls. @throws RESOURCE_EXHAUSTED */
  append(draft: Draft): Promise<EntryDocument> {
    if (this.#waiting.length + this.#underWay >= MAX_WAITING) {
      throw resourceExhausted("Too much is being sent to this chat.", 1);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft, giveUpAt: performance.now() + PATIENCE_MS, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH);
      this.#waiting = this.#waiting.slice(MAX_BATCH);
      this.#underWay = batch.length;
      await this.#write(batch);
    }
    this.#underWay = 0;
    this.#running = false;
  }

  /** Settles all of the batch. */
  async #write(batch: Waiting[]): Promise<void> {
    let refusedAt: number | undefined;
    let checked = false;
    let left = batch;
    for (let attempt = 0; left.length > 0; attempt++) {
      left = giveUpLate(left);
      try {
        const tail = await this.#log.tail(this.#conversation);
        // Whoever was faster is not to be seen yet.
        if (tail.seq === refusedAt) await sleep(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS));
        if (!checked) left = await this.#allowed(left);
        const { inserted, clash } = await this.#insert(left, tail);
        left = left.slice(inserted);
        // Between this tail and the next one somebody may have been put out.
        checked = clash !== "seq";
        if (clash === "seq") refusedAt = tail.seq + inserted;
        if (clash === "nonce") left = await this.#settleRepeated(left);
      } catch (error) {
        // It may have been kept or not: nobody knows what the tail is.
        this.#log.setTail(this.#conversation, undefined);
        for (const { reject } of left) reject(error);
        return;
      }
    }
  }

  async #allowed(waiting: Waiting[]): Promise<Waiting[]> {
    const senders = new Set(waiting.flatMap(({ draft }) => (isOfClient(draft) ? [draft.sender] : [])));
    if (senders.size === 0) return waiting;
    const refusals = await this.#log.refusals(this.#conversation, [...senders]);
    if (refusals.size === 0) return waiting;
    const refusalOf = ({ draft }: Waiting) => (isOfClient(draft) ? refusals.get(draft.sender) : undefined);
    for (const each of waiting) {
      const refusal = refusalOf(each);
      if (refusal) each.reject(refusal);
    }
    return waiting.filter((each) => !refusalOf(each));
  }

  async #insert(
    left: Waiting[],
    tail: Tail,
  ): Promise<{ inserted: number; clash: "seq" | "nonce" | undefined }> {
    const entries: EntryDocument[] = [];
    let behind = tail;
    for (const { draft } of left) {
      const entry = entryAfter(behind, this.#conversation, draft);
      entries.push(entry);
      behind = tailOf(entry);
    }
    const { inserted, duplicate } = await this.#log.messages.insertMany(entries);
    const kept = entries.slice(0, inserted);
    const last = kept.at(-1);
    const clash = duplicate && (duplicate.index === "_id" ? "seq" : "nonce");
    // Where only a nonce was refused, what was kept is still the tail.
    this.#log.setTail(this.#conversation, clash === "seq" ? undefined : last ? tailOf(last) : tail);
    for (const [i, entry] of kept.entries()) {
      // One by one, so that what is published keeps its order.
      if (isChange(entry)) await this.#apply(entry, left[i]);
      else {
        this.#log.publish(entry);
        left[i]?.resolve(entry);
      }
    }
    return { inserted, clash };
  }

  async #apply(change: Change, waiting: Waiting | undefined): Promise<void> {
    try {
      const applied = await this.#log.apply(change);
      this.#log.publish(applied);
      waiting?.resolve(applied);
    } catch (error) {
      // It is in the log, and owed: to be applied before the next write, by whoever makes it.
      this.#log.setTail(this.#conversation, undefined);
      waiting?.reject(error);
    }
  }

  /** The first one's nonce was used before: it gets the answer of then. */
  async #settleRepeated([first, ...others]: Waiting[]): Promise<Waiting[]> {
    if (!first) return others;
    try {
      const kept = await this.#log.keptBefore(this.#conversation, first.draft);
      // Refused and yet not there: the read was of a moment before.
      if (!kept) return [first, ...others];
      first.resolve(kept);
    } catch (error) {
      first.reject(error);
    }
    return others;
  }
}

function giveUpLate(waiting: Waiting[]): Waiting[] {
  const now = performance.now();
  for (const { giveUpAt, reject } of waiting) if (giveUpAt <= now) reject(unavailable());
  return waiting.filter(({ giveUpAt }) => giveUpAt > now);
}

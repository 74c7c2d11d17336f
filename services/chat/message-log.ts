/** The append-only log of every conversation: `seq` from 1 without holes, each entry kept before it is acknowledged. */
import { setTimeout as sleep } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { alreadyExists, resourceExhausted, unavailable } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey } from "../../mixins/collection/collection.ts";
import { type EntryDocument, entryId } from "./chat.store.ts";
import { type Draft, digestOf, EMPTY, entryAfter, type Tail, tailOf } from "./entries.ts";

const KNOWN_TAILS = 50_000;
/** Appends that wait for their turn in one conversation. */
const MAX_WAITING = 1_000;
/** How long one append may lose races before it gives up. */
const PATIENCE_MS = 4_000;
const LONGEST_PAUSE_MS = 100;

interface Queue {
  waiting: number;
  last: Promise<unknown>;
}

export class MessageLog {
  readonly #messages: Collection<EntryDocument>;
  readonly #publish: (entry: EntryDocument) => void;
  /** As this process wrote or read them last. Another process may have gone on: then the unique `_id` tells. */
  readonly #tails = new LRUCache<ConversationId, Tail>({ max: KNOWN_TAILS });
  readonly #queues = new Map<ConversationId, Queue>();

  /** @param publish must not throw; called after the write, in the order of `seq` */
  constructor(messages: Collection<EntryDocument>, publish: (entry: EntryDocument) => void) {
    this.#messages = messages;
    this.#publish = publish;
  }

  /**
   * Answers when the database has the entry. A draft that was appended before gets that first entry.
   * @throws ALREADY_EXISTS for another draft under the same nonce; RESOURCE_EXHAUSTED; UNAVAILABLE, and then it may
   *   have been appended or not
   */
  async append(conversation: ConversationId, draft: Draft): Promise<EntryDocument> {
    const queue = this.#queues.get(conversation) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= MAX_WAITING) throw resourceExhausted("Too much is being sent to this chat.", 1);
    this.#queues.set(conversation, queue);
    queue.waiting += 1;
    const appended = queue.last.then(() => this.#write(conversation, draft));
    queue.last = appended.catch(() => {});
    try {
      return await appended;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(conversation);
    }
  }

  /** As the database has it now. */
  async readTail(conversation: ConversationId): Promise<Tail> {
    const [last] = await this.#messages.page({ prefix: `${conversation}.`, order: "desc", limit: 1 });
    return last ? tailOf(last) : EMPTY;
  }

  /** Newest first. @param before the seq that the page ends below */
  readBack(conversation: ConversationId, before: number, limit: number): Promise<EntryDocument[]> {
    const after = entryId(conversation, before);
    return this.#messages.page({ prefix: `${conversation}.`, after, order: "desc", limit });
  }

  /** Oldest first. @param after the seq behind which the page begins */
  readForward(conversation: ConversationId, after: number, limit: number): Promise<EntryDocument[]> {
    return this.#messages.page({
      prefix: `${conversation}.`,
      after: entryId(conversation, after),
      limit,
    });
  }

  async #write(conversation: ConversationId, draft: Draft): Promise<EntryDocument> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    let refusedAt: number | undefined;
    for (let attempt = 0; performance.now() < giveUpAt; attempt++) {
      const tail = await this.#tail(conversation);
      // Whoever was faster is not to be seen yet.
      if (tail.seq === refusedAt) await sleep(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS));
      const entry = entryAfter(tail, conversation, draft);
      try {
        await this.#messages.insert(entry);
        this.#tails.set(conversation, tailOf(entry));
        this.#publish(entry);
        return entry;
      } catch (error) {
        this.#tails.delete(conversation);
        if (!(error instanceof DuplicateKey)) throw error;
        const first = error.index === "_id" ? null : await this.#firstUnder(entry.nonce_key, draft);
        if (first) return first;
        refusedAt = tail.seq;
      }
    }
    throw unavailable();
  }

  async #tail(conversation: ConversationId): Promise<Tail> {
    const known = this.#tails.get(conversation);
    if (known) return known;
    const tail = await this.readTail(conversation);
    this.#tails.set(conversation, tail);
    return tail;
  }

  async #firstUnder(nonce_key: string, draft: Draft): Promise<EntryDocument | null> {
    const first = await this.#messages.findOne({ nonce_key });
    if (!first) return null;
    if (first.digest !== digestOf(draft)) {
      throw alreadyExists("This nonce was used for another message.", {
        errors: [{ path: "nonce", message: "was used for another message" }],
      });
    }
    // Whoever wrote it may have died before it was out. Gateways know what they have delivered.
    this.#publish(first);
    return first;
  }
}

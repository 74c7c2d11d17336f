/** The append-only log of every conversation: `seq` from 1 without holes, each entry kept before it is acknowledged. */
import { LRUCache } from "lru-cache";
import { alreadyExists } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { type Appended, appendOld, type Placed } from "./appending-old.ts";
import { Changes } from "./changes.ts";
import type { TailSeq } from "./chat.contract.ts";
import { type EntryDocument, entryId } from "./chat.store.ts";
import { type Draft, digestOf, EMPTY, isChange, nonceKey, type Tail, tailOf } from "./entries.ts";
import { GroupCommit, type Log, type Refusals } from "./group-commit.ts";

const KNOWN_TAILS = 50_000;

interface Surroundings {
  /** Must not throw. Called after the write, in the order of `seq`. */
  publish(entry: EntryDocument): void;
  refusals: Refusals;
  /** Must not throw. Told of each tail that was read. */
  onTail?(conversation: ConversationId, tail: Tail): void;
}

export class MessageLog {
  readonly #messages: Collection<EntryDocument>;
  readonly #publish: (entry: EntryDocument) => void;
  readonly #onTail: (conversation: ConversationId, tail: Tail) => void;
  /** As this process wrote or read them last. Another process may have gone on: then the unique `_id` tells. */
  readonly #tails = new LRUCache<ConversationId, Tail>({ max: KNOWN_TAILS });
  readonly #writers = new Map<ConversationId, GroupCommit>();
  readonly #log: Log;
  readonly changes: Changes;

  constructor(messages: Collection<EntryDocument>, { publish, refusals, onTail = () => {} }: Surroundings) {
    this.#onTail = onTail;
    this.#messages = messages;
    this.#publish = publish;
    this.changes = new Changes(messages, publish);
    this.#log = {
      messages,
      refusals,
      publish,
      apply: (change) => this.changes.apply(change),
      tail: (conversation) => this.#tail(conversation),
      setTail: (conversation, tail) => {
        if (tail) this.#tails.set(conversation, tail);
        else this.#tails.delete(conversation);
      },
      keptBefore: (conversation, draft) => this.keptBefore(conversation, draft),
    };
  }

  /**
   * Answers when the database has the entry. A draft that was appended before gets that first entry.
   * @throws ALREADY_EXISTS for another draft under the same nonce; what its sender is refused with; RESOURCE_EXHAUSTED;
   *   UNAVAILABLE, and then it may have been appended or not
   */
  async append(conversation: ConversationId, draft: Draft): Promise<EntryDocument> {
    const writer = this.#writers.get(conversation) ?? new GroupCommit(this.#log, conversation);
    this.#writers.set(conversation, writer);
    try {
      return await writer.append(draft);
    } finally {
      // Whoever came meanwhile has found the same one.
      if (writer.idle && this.#writers.get(conversation) === writer) this.#writers.delete(conversation);
    }
  }

  /**
   * Appends what was elsewhere before, of any conversations, each behind its log. What is there already stays, and is not told
   * again. Nothing is published: there may be millions, and who listens sees from its tail that the log goes further.
   * @param drafts at most 1000, of imported messages and joins
   */
  appendOld(drafts: Placed[]): Promise<Appended> {
    return appendOld(this.#log, drafts);
  }

  find(conversation: ConversationId, seq: number): Promise<EntryDocument | null> {
    return this.#messages.findById(entryId(conversation, seq));
  }

  /**
   * The entries right behind these, where there are such: `seq` has no holes, so a log that goes further has that one. One
   * read. @param tails at most 1000
   */
  findNext(tails: TailSeq[]): Promise<EntryDocument[]> {
    return this.#messages.findByIds(tails.map(({ conversation, seq }) => entryId(conversation, seq + 1)));
  }

  /**
   * Which logs go further than they were seen to, and which are gone: what was once kept goes only with its whole log. Two reads.
   * @param tails at most 1000
   */
  async compare(tails: TailSeq[]): Promise<{ further: TailSeq[]; gone: ConversationId[] }> {
    const seen = tails.filter(({ seq }) => seq > 0);
    const [next, kept] = await Promise.all([
      this.findNext(tails),
      this.#messages.findByIds(seen.map(({ conversation, seq }) => entryId(conversation, seq))),
    ]);
    const there = new Set(kept.map(({ conversation }) => conversation));
    return {
      further: next.map(({ conversation, seq }) => ({ conversation, seq })),
      gone: seen.flatMap(({ conversation }) => (there.has(conversation) ? [] : [conversation])),
    };
  }

  /** As the database has it now. */
  async readTail(conversation: ConversationId): Promise<Tail> {
    const [last] = await this.#messages.page({ prefix: `${conversation}.`, order: "desc", limit: 1 });
    const tail = last ? tailOf(last) : EMPTY;
    this.#onTail(conversation, tail);
    return tail;
  }

  /** Of a conversation that is gone. */
  forget(conversation: ConversationId): void {
    this.#tails.delete(conversation);
  }

  /** What history shows, newest first. @param before the seq that the page ends below */
  readShownBack(conversation: ConversationId, before: number, limit: number): Promise<EntryDocument[]> {
    const after = entryId(conversation, before);
    return this.#messages.page({ index: "shown", prefix: `${conversation}.`, after, order: "desc", limit });
  }

  /** What history shows, oldest first. @param after the seq behind which the page begins */
  readShownForward(conversation: ConversationId, after: number, limit: number): Promise<EntryDocument[]> {
    return this.#messages.page({
      index: "shown",
      prefix: `${conversation}.`,
      after: entryId(conversation, after),
      limit,
    });
  }

  /** All entries, without a hole, oldest first. @param after the seq behind which the page begins */
  readForward(conversation: ConversationId, after: number, limit: number): Promise<EntryDocument[]> {
    return this.#messages.page({
      prefix: `${conversation}.`,
      after: entryId(conversation, after),
      limit,
    });
  }

  /**
   * The entry that was kept under the draft's nonce before, null where there is none.
   * @throws ALREADY_EXISTS where that one was of another draft
   */
  async keptBefore(conversation: ConversationId, draft: Draft): Promise<EntryDocument | null> {
    const first = await this.#messages.findOne({ nonce_key: nonceKey(conversation, draft) });
    if (!first) return null;
    if (first.digest !== digestOf(draft)) {
      throw alreadyExists("This nonce was used for another message.", {
        errors: [{ path: "nonce", message: "was used for another message" }],
      });
    }
    // Whoever wrote it may have died before it was out. Gateways know what they have delivered.
    const applied = isChange(first) && first.owed !== undefined ? await this.changes.apply(first) : first;
    this.#publish(applied);
    return applied;
  }

  async #tail(conversation: ConversationId): Promise<Tail> {
    const known = this.#tails.get(conversation);
    if (known) return known;
    const tail = await this.readTail(conversation);
    // Whoever wrote here before may have died before it was done.
    await this.changes.settle(conversation);
    this.#tails.set(conversation, tail);
    return tail;
  }
}

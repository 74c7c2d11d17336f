/**
 * What is known of a conversation without its log: its last message, and how many there are. A batch of messages moves it on by one
 * write; what a crash left undone is done by whoever sees that the log goes further.
 */
import { LRUCache } from "lru-cache";
import { type ConversationId, isRoom } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { Advancing } from "./advancing.ts";
import { activityKey, type ChatDocument, type EntryDocument, type RoomHeadDocument } from "./chat.store.ts";
import type { Tail } from "./entries.ts";
import type { MessageLog } from "./message-log.ts";
import type { ReadMarkers } from "./read-markers.ts";

const KNOWN = 50_000;
/** Entries that are read at once. */
const PORTION = 500;

interface Collections {
  chats: Collection<ChatDocument>;
  rooms: Collection<RoomHeadDocument>;
}

export class Activity {
  readonly #collections: Collections;
  readonly #markers: ReadMarkers;
  readonly #advancing: Advancing<EntryDocument, void>;
  /** How many messages of a conversation its document is known to know of. */
  readonly #known = new LRUCache<ConversationId, number>({ max: KNOWN });
  readonly #catchingUp = new Map<ConversationId, Promise<void>>();

  constructor(collections: Collections, markers: ReadMarkers) {
    this.#collections = collections;
    this.#markers = markers;
    this.#advancing = new Advancing((_key, message) => this.#move(message));
  }

  /** A message was kept: moves its conversation on, and its sender's read marker. */
  async note(message: EntryDocument): Promise<void> {
    const { conversation, sender_id } = message;
    await Promise.all([
      this.advance(message),
      sender_id === null ? undefined : this.#markers.advance(conversation, sender_id, message),
    ]);
  }

  /** As `note`, but for the read marker. */
  advance(message: EntryDocument): Promise<void> {
    return this.#advancing.to(message.conversation, message);
  }

  /** Somebody has seen this tail: whoever wrote it may have died before `note`. Once at a time, however many have seen it. */
  catchUp(log: MessageLog, conversation: ConversationId, { messages }: Tail): Promise<void> {
    if (messages <= (this.#known.get(conversation) ?? 0)) return Promise.resolve();
    const underWay = this.#catchingUp.get(conversation);
    if (underWay) return underWay;
    const done = this.#catchUp(log, conversation, messages).finally(() =>
      this.#catchingUp.delete(conversation),
    );
    this.#catchingUp.set(conversation, done);
    return done;
  }

  /**
   * Looks whether logs go further than their conversations know: where whoever wrote died, and nobody has looked since.
   * @param heads at most 1000
   */
  async catchUpAll(log: MessageLog, heads: RoomHeadDocument[]): Promise<void> {
    const tails = heads.map(({ _id: conversation, last_seq: seq }) => ({ conversation, seq }));
    for (const { conversation } of await log.findNext(tails)) {
      await this.catchUp(log, conversation, await log.readTail(conversation));
    }
  }

  /** Of a room that has its first entry: from then on the sweep knows it. Can be repeated. */
  async open(room: ConversationId): Promise<void> {
    const head = { $max: { last_seq: 0, messages: 0 } };
    await this.#collections.rooms.findOneAndUpdate({ _id: room }, head, { upsert: true });
  }

  forget(conversation: ConversationId): void {
    this.#known.delete(conversation);
  }

  async #catchUp(log: MessageLog, conversation: ConversationId, messages: number): Promise<void> {
    const head = await this.#head(conversation);
    if (!head) return;
    this.#known.set(conversation, head.messages);
    if (messages <= head.messages) return;
    let after = head.last_seq;
    for (;;) {
      const entries = await log.readForward(conversation, after, PORTION);
      const written = entries.filter(({ type }) => type === "message");
      await Promise.all(written.map((message) => this.note(message)));
      after = entries.at(-1)?.seq ?? after;
      if (entries.length < PORTION) return;
    }
  }

  async #move({ conversation, seq, messages, sent_at }: EntryDocument): Promise<void> {
    const { chats, rooms } = this.#collections;
    const _id = conversation;
    if (isRoom(conversation)) {
      await rooms.findOneAndUpdate({ _id }, { $max: { last_seq: seq, messages } }, { upsert: true });
    } else {
      const activity = activityKey(conversation, sent_at);
      await chats.updateOne({ _id }, { $max: { last_seq: seq, messages, activity } });
    }
    this.#known.set(conversation, Math.max(messages, this.#known.get(conversation) ?? 0));
  }

  /** Null where there is no such chat. */
  async #head(conversation: ConversationId): Promise<Pick<RoomHeadDocument, "last_seq" | "messages"> | null> {
    const { chats, rooms } = this.#collections;
    if (isRoom(conversation)) return (await rooms.findById(conversation)) ?? { last_seq: 0, messages: 0 };
    return chats.findById(conversation);
  }
}

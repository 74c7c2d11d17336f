/**
 * Each user's direct chats, newest activity first. Only messages order it. A batch of them moves the chat by one write; what a
 * crash left undone is done by whoever sees that the log goes further.
 */
import { LRUCache } from "lru-cache";
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { Advancing } from "./advancing.ts";
import type { ChatSummary } from "./chat.contract.ts";
import {
  activityKey,
  type ChatDocument,
  type EntryDocument,
  entryId,
  markerId,
  type ReadMarkerDocument,
} from "./chat.store.ts";
import { chatOf } from "./direct-chats.ts";
import { messageOf, type Tail } from "./entries.ts";
import type { MessageLog } from "./message-log.ts";
import type { ReadMarkers } from "./read-markers.ts";

const KNOWN = 50_000;

interface Collections {
  chats: Collection<ChatDocument>;
  messages: Collection<EntryDocument>;
  markers: Collection<ReadMarkerDocument>;
}

export class ChatList {
  readonly #collections: Collections;
  readonly #markers: ReadMarkers;
  readonly #advancing: Advancing<EntryDocument, void>;
  /** How many messages of a chat its document is known to know of. */
  readonly #known = new LRUCache<ConversationId, number>({ max: KNOWN });

  constructor(collections: Collections, markers: ReadMarkers) {
    this.#collections = collections;
    this.#markers = markers;
    this.#advancing = new Advancing(async (_key, { conversation, seq, messages, sent_at }) => {
      const activity = activityKey(conversation, sent_at);
      await collections.chats.updateOne(
        { _id: conversation },
        { $max: { last_seq: seq, messages, activity } },
      );
      this.#known.set(conversation, Math.max(messages, this.#known.get(conversation) ?? 0));
    });
  }

  /** A message was kept: moves its chat up, and its sender's read marker. */
  async note(message: EntryDocument): Promise<void> {
    const { conversation, sender_id } = message;
    await Promise.all([
      this.#advancing.to(conversation, message),
      sender_id === null ? undefined : this.#markers.advance(conversation, sender_id, message),
    ]);
  }

  /** Somebody has seen this tail: whoever wrote it may have died before `note`. */
  async catchUp(log: MessageLog, conversation: ConversationId, { seq, messages }: Tail): Promise<void> {
    if (messages <= (this.#known.get(conversation) ?? 0)) return;
    const chat = await this.#collections.chats.findById(conversation);
    if (!chat) return;
    this.#known.set(conversation, chat.messages);
    if (messages <= chat.messages) return;
    const [last] = await log.readShownBack(conversation, seq + 1, 1);
    if (last) await this.note(last);
  }

  /** Three reads, however long the page. @throws INVALID_ARGUMENT for a cursor that is none of this list */
  async page(user: UserId, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
    const list = `chats of ${user}`;
    const older = cursor === undefined ? {} : { activity: { $lt: decodeCursor(list, cursor) } };
    const { chats, messages, markers } = this.#collections;
    const found = await chats.find(
      { user_ids: user, ...older },
      { sort: { activity: -1 }, limit: limit + 1 },
    );
    const { items, next_cursor } = toPage(list, found, limit, ({ activity }) => activity);
    const [lasts, read] = await Promise.all([
      messages.findByIds(
        items.filter(({ last_seq }) => last_seq > 0).map((chat) => entryId(chat._id, chat.last_seq)),
      ),
      markers.findByIds(items.map(({ _id }) => markerId(_id, user))),
    ]);
    const lastOf = new Map(lasts.map((last) => [last.conversation, messageOf(last)]));
    const readOf = new Map(read.map((marker) => [marker._id, marker.messages]));
    const summaries = items.map(
      (chat): ChatSummary => ({
        ...chatOf(chat),
        last_message: lastOf.get(chat._id) ?? null,
        unread_count: Math.max(0, chat.messages - (readOf.get(markerId(chat._id, user)) ?? 0)),
      }),
    );
    return { chats: summaries, next_cursor };
  }
}

/** Each user's conversations with their last message and what is unread: direct chats, newest activity first, and rooms. */
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { ChatSummary, ConversationState } from "./chat.contract.ts";
import {
  type ChatDocument,
  type EntryDocument,
  entryId,
  markerId,
  type ReadMarkerDocument,
  type RoomHeadDocument,
} from "./chat.store.ts";
import { chatOf } from "./direct-chats.ts";
import { messageOf } from "./entries.ts";

interface Collections {
  chats: Collection<ChatDocument>;
  rooms: Collection<RoomHeadDocument>;
  messages: Collection<EntryDocument>;
  markers: Collection<ReadMarkerDocument>;
}

export class ChatList {
  readonly #collections: Collections;

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  /** Three reads, however long the page. @throws INVALID_ARGUMENT for a cursor that is none of this list */
  async page(user: UserId, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
    const list = `chats of ${user}`;
    const older = cursor === undefined ? {} : { activity: { $lt: decodeCursor(list, cursor) } };
    const found = await this.#collections.chats.find(
      { user_ids: user, ...older },
      { sort: { activity: -1 }, limit: limit + 1 },
    );
    const { items, next_cursor } = toPage(list, found, limit, ({ activity }) => activity);
    const stateOf = await this.#states(user, items);
    const chats = items.map((chat): ChatSummary => ({ ...chatOf(chat), ...stateOf(chat) }));
    return { chats, next_cursor };
  }

  /** Three reads, however many. @param ids at most 100, of rooms that the user is in; those of the answer are in their order */
  async ofRooms(user: UserId, ids: ConversationId[]) {
    const found = await this.#collections.rooms.findByIds(ids);
    const heads = new Map(found.map((head) => [head._id, head]));
    const all = ids.map((_id) => heads.get(_id) ?? { _id, last_seq: 0, messages: 0 });
    const stateOf = await this.#states(user, all);
    return all.map((head) => ({ id: head._id, ...stateOf(head) }));
  }

  async #states(user: UserId, heads: RoomHeadDocument[]) {
    const { messages, markers } = this.#collections;
    const [lasts, read] = await Promise.all([
      messages.findByIds(
        heads.filter(({ last_seq }) => last_seq > 0).map((head) => entryId(head._id, head.last_seq)),
      ),
      markers.findByIds(heads.map(({ _id }) => markerId(_id, user))),
    ]);
    const lastOf = new Map(lasts.map((last) => [last.conversation, messageOf(last)]));
    const readOf = new Map(read.map((marker) => [marker._id, marker.messages]));
    return (head: RoomHeadDocument): ConversationState => ({
      last_message: lastOf.get(head._id) ?? null,
      unread_count: Math.max(0, head.messages - (readOf.get(markerId(head._id, user)) ?? 0)),
    });
  }
}

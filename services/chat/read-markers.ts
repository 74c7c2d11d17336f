/** How far each user has read each conversation. A marker only goes on, and not beyond the tail. */
import { LRUCache } from "lru-cache";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { Advancing } from "./advancing.ts";
import { markerId, type ReadMarkerDocument, userOfMarker } from "./chat.store.ts";
import type { MessageLog } from "./message-log.ts";

const REMEMBERED = 50_000;

/** An entry's place in its log. Both grow together. */
interface Position {
  seq: number;
  messages: number;
}

export class ReadMarkers {
  readonly #advancing: Advancing<Position, Position>;
  readonly #told = new LRUCache<string, number>({ max: REMEMBERED });

  constructor(markers: Collection<ReadMarkerDocument>) {
    this.#advancing = new Advancing(async (_id, { seq, messages }) => {
      const marker = { _id, user_id: userOfMarker(_id) };
      const update = { $max: { seq, messages } };
      return (await markers.findOneAndUpdate(marker, update, { upsert: true })) ?? { seq, messages };
    });
  }

  /** @param seq beyond the tail it counts as the tail. @returns where the marker is now, and what is behind it */
  async markRead(
    log: MessageLog,
    conversation: ConversationId,
    user: UserId,
    { seq, tail }: { seq: number; tail: Position },
  ) {
    const entry = seq < tail.seq ? await log.find(conversation, seq) : tail;
    const marker = await this.advance(conversation, user, entry ?? { seq: 0, messages: 0 });
    // It may have gone beyond the tail of then.
    return { seq: marker.seq, unread_count: Math.max(0, tail.messages - marker.messages) };
  }

  /** Whether others have not been told yet, by this process, that the user has read so far. */
  isNews(conversation: ConversationId, user: UserId, seq: number): boolean {
    const id = markerId(conversation, user);
    if ((this.#told.get(id) ?? 0) >= seq) return false;
    this.#told.set(id, seq);
    return true;
  }

  /** @returns where the marker is now */
  advance(conversation: ConversationId, user: UserId, position: Position): Promise<Position> {
    return this.#advancing.to(markerId(conversation, user), position);
  }
}

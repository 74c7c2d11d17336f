/** Who was told to be typing where, lately: once a second is enough, whatever clients send, on however many connections. */
import { LRUCache } from "lru-cache";
import type { ConversationId, UserId } from "../../../lib/ids.ts";

const TYPING_EVERY_MS = 1_000;
/** Of more the oldest are forgotten, and told of once more. */
const REMEMBERED = 50_000;

export class Typing {
  readonly #told = new LRUCache<string, true>({ max: REMEMBERED, ttl: TYPING_EVERY_MS });

  /** Whether others are to be told. */
  isNews(conversation: ConversationId, user: UserId): boolean {
    const key = `${conversation}.${user}`;
    if (this.#told.has(key)) return false;
    this.#told.set(key, true);
    return true;
  }
}

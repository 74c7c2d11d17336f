/** Direct chats: one for each two people, whoever of them opens it. */
import { LRUCache } from "lru-cache";
import { alreadyExists, invalidArgument, notFound, permissionDenied, unavailable } from "../../lib/errors.ts";
import { type ConversationId, newDirectChatId, type UserId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey } from "../../mixins/collection/collection.ts";
import type { Chat } from "./chat.contract.ts";
import { activityKey, type ChatDocument } from "./chat.store.ts";

const CACHED_CHATS = 10_000;
/** Who is in a chat changes only when an account goes. */
const CACHED_MS = 30_000;
const ATTEMPTS = 5;

export const chatOf = ({ _id, user_ids, created_at }: ChatDocument): Chat => ({
  id: _id,
  participant_ids: user_ids,
  created_at_unix_ms: created_at,
});

export class DirectChats {
  readonly #chats: Collection<ChatDocument>;
  readonly #known = new LRUCache<ConversationId, ChatDocument>({ max: CACHED_CHATS, ttl: CACHED_MS });

  constructor(chats: Collection<ChatDocument>) {
    this.#chats = chats;
  }

  /**
   * @param exists whether there is a user with the participant's id
   * @throws INVALID_ARGUMENT with oneself, NOT_FOUND, ALREADY_EXISTS with the `chat_id` that exists
   */
  async create(user: UserId, participant: UserId, exists: () => Promise<boolean>): Promise<ChatDocument> {
    if (user === participant) {
      throw invalidArgument("A chat needs somebody else.", [
        { path: "participant_id", message: "must not be yourself" },
      ]);
    }
    if (!(await exists())) throw notFound("There is no such user.");
    const user_ids = [user, participant].sort();
    const pair = user_ids.join(".");
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const there = await this.#chats.findOne({ pair });
      if (there) throw alreadyExists("You have a chat with this user.", { chat_id: there._id });
      try {
        const _id = newDirectChatId();
        const created_at = Date.now();
        const activity = activityKey(_id, created_at);
        return await this.#chats.insert({
          ...{ _id, pair, user_ids, created_at, activity },
          ...{ last_seq: 0, messages: 0 },
        });
      } catch (error) {
        // The other one was faster, or the id is taken: the next look tells.
        if (!(error instanceof DuplicateKey)) throw error;
      }
    }
    throw unavailable();
  }

  /**
   * Chats of an older system. Can be repeated.
   * @param chats at most 1000
   * @returns in their order: the chat that the two have, and whether it was made now
   */
  async import(
    chats: { id: ConversationId; user_ids: [UserId, UserId]; created_at: number }[],
  ): Promise<{ id: ConversationId; is_new: boolean }[]> {
    const documents = chats.map(({ id, user_ids, created_at }): ChatDocument => {
      const sorted = user_ids.toSorted();
      const activity = activityKey(id, created_at);
      return {
        ...{ _id: id, pair: sorted.join("."), user_ids: sorted, created_at, activity },
        ...{ last_seq: 0, messages: 0 },
      };
    });
    const known = new Map<string, ConversationId>();
    const made = new Set<string>();
    for (let attempt = 0; ; attempt += 1) {
      const unknown = documents.map(({ pair }) => pair).filter((pair) => !known.has(pair));
      if (unknown.length === 0) break;
      if (attempt > documents.length) throw unavailable();
      const found = await this.#chats.find(
        { pair: { $in: [...new Set(unknown)] } },
        { limit: unknown.length },
      );
      for (const { _id, pair } of found) known.set(pair, _id);
      const missing = documents.filter(({ pair }) => !known.has(pair));
      const { inserted } = await this.#chats.insertMany(missing);
      for (const { _id, pair } of missing.slice(0, inserted)) {
        known.set(pair, _id);
        made.add(_id);
      }
      // Where one was refused, the next look finds who was faster.
    }
    return documents.map(({ _id, pair }) => ({ id: known.get(pair) ?? _id, is_new: made.has(_id) }));
  }

  /** @throws NOT_FOUND, PERMISSION_DENIED for who is not in it */
  async get(id: ConversationId, user: UserId): Promise<ChatDocument> {
    const chat = await this.#chats.findById(id);
    if (!chat) throw notFound("There is no such chat.");
    this.#known.set(id, chat);
    return withUser(chat, user);
  }

  /** As it was within the last 30 s; that is enough to know who is in it. Throws as `get`. */
  async getKnown(id: ConversationId, user: UserId): Promise<ChatDocument> {
    const chat = this.#known.get(id);
    return chat ? withUser(chat, user) : this.get(id, user);
  }

  forget(id: ConversationId): void {
    this.#known.delete(id);
  }
}

function withUser(chat: ChatDocument, user: UserId): ChatDocument {
  if (!chat.user_ids.includes(user)) throw permissionDenied("You are not in this chat.");
  return chat;
}

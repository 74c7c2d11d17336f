/**
 * Who may write to and read a conversation. The owner of the membership is asked: for a room the rooms service; for a direct chat its
 * own document, which names both, and, before anything is written, the social service: not while one has blocked the other.
 */
import { LRUCache } from "lru-cache";
import type { ResultOf } from "../../lib/contract.ts";
import { failedPrecondition, isVecheError, notFound, permissionDenied } from "../../lib/errors.ts";
import { type ConversationId, isRoom, type UserId } from "../../lib/ids.ts";
import type { DirectChats } from "./direct-chats.ts";

/** How old an answer may be that lets somebody read. Removing a member takes longer than that. */
const READ_ON_MS = 500;
const REMEMBERED = 50_000;

interface Others {
  /** Who of some users is in a room now. */
  askRooms: AskRooms;
  /** Whether one of two users has blocked the other. */
  isBlocked(one: UserId, other: UserId): Promise<boolean>;
}

type AskRooms = (id: ConversationId, user_ids: UserId[]) => Promise<ResultOf<"v1.rooms.checkMembers">>;

export class Access {
  readonly #chats: DirectChats;
  readonly #others: Others;
  /** Who was let in lately, `<room>.<user>`. Who was refused may have joined since, and is not remembered. */
  readonly #letIn = new LRUCache<string, true>({ max: REMEMBERED, ttl: READ_ON_MS });

  constructor(chats: DirectChats, others: Others) {
    this.#chats = chats;
    this.#others = others;
  }

  /** Who of the users may not append now, and why. @throws where the service that knows does not answer */
  async refusals(conversation: ConversationId, users: UserId[]): Promise<Map<UserId, Error>> {
    const refusals = new Map<UserId, Error>();
    if (isRoom(conversation)) {
      const { room, member_ids } = await this.#others.askRooms(conversation, users);
      const members = new Set<string>(member_ids);
      for (const user of users) if (!members.has(user)) refusals.set(user, notAMember(room));
      return refusals;
    }
    for (const user of users) {
      try {
        const known = await this.#chats.getKnown(conversation, user);
        // Together: the other account may have gone since the chat was read.
        const [{ user_ids }] = await Promise.all([
          this.#chats.get(conversation, user),
          this.#assertOnTerms(known.user_ids),
        ]);
        assertBoth(user_ids);
      } catch (error) {
        // Of who may not, it is said why; what can't be known now is everybody's trouble.
        if (!isVecheError(error) || error.type === "UNAVAILABLE") throw error;
        refusals.set(user, error);
      }
    }
    return refusals;
  }

  /** Whether others may be told that a reader types or has read. */
  async maySignal(conversation: ConversationId, user: UserId): Promise<boolean> {
    if (isRoom(conversation)) return true;
    const { user_ids } = await this.#chats.getKnown(conversation, user);
    return this.#assertOnTerms(user_ids).then(
      () => true,
      () => false,
    );
  }

  async #assertOnTerms(user_ids: UserId[]): Promise<void> {
    const [one, other] = assertBoth(user_ids);
    // Not who has blocked whom.
    if (await this.#others.isBlocked(one, other))
      throw permissionDenied("You and this user can't write to each other.");
  }

  /** By an answer of this moment. @throws NOT_FOUND, PERMISSION_DENIED */
  async assertReader(conversation: ConversationId, user: UserId): Promise<void> {
    if (!isRoom(conversation)) {
      await this.#chats.getKnown(conversation, user);
      return;
    }
    const start = performance.now();
    const { room, member_ids } = await this.#others.askRooms(conversation, [user]);
    if (!member_ids.includes(user)) throw notAMember(room);
    // Counted from when it was asked.
    this.#letIn.set(`${conversation}.${user}`, true, { start });
  }

  /** By an answer that is at most 500 ms old. @throws NOT_FOUND, PERMISSION_DENIED */
  async assertRecentReader(conversation: ConversationId, user: UserId): Promise<void> {
    if (!this.#letIn.has(`${conversation}.${user}`)) await this.assertReader(conversation, user);
  }
}

function assertBoth([one, other]: UserId[]): [UserId, UserId] {
  if (one === undefined || other === undefined) throw failedPrecondition("The other account was deleted.");
  return [one, other];
}

/** Of a private room, others don't even learn that it exists. */
const notAMember = (room: { is_private: boolean } | null): Error =>
  room === null || room.is_private
    ? notFound("There is no such room.")
    : permissionDenied("You are not in this room. Join it first.");

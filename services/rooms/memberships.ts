/**
 * Who is in a room, and how one comes and goes. Coming and going are entries of the room's log too, and a crash can come between the
 * two: so a membership owes its `join` until that is appended, and one that is to end is marked first.
 *
 * To leave: 1. the membership is marked, and every check refuses from here on; 2. `leave` is appended; 3. the membership goes, if it is
 * still that one with that mark. Nobody is told that it is done sooner than answers last that others may still rely on.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { notFound, unavailable } from "../../lib/errors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey, type Update } from "../../mixins/collection/collection.ts";
import { byRank, byUser, type MemberDocument, memberId } from "./rooms.store.ts";

/** Longer than the 500 ms for which chat lets somebody read on. */
export const SETTLED_AFTER_MS = 600;
const ATTEMPTS = 5;
const PORTION = 100;

/** Keeps that a member came or went, once for each membership. */
export type AppendMembership = (
  type: "join" | "leave",
  member: Pick<MemberDocument, "room" | "user_id" | "membership" | "joined_at">,
) => Promise<unknown>;

export class Memberships {
  readonly #members: Collection<MemberDocument>;
  readonly #append: AppendMembership;
  /** Milliseconds after which no request can still be under way. */
  readonly #patience: number;

  constructor(members: Collection<MemberDocument>, append: AppendMembership, patience: number) {
    this.#members = members;
    this.#append = append;
    this.#patience = patience;
  }

  /** Null also for one that is about to end. */
  async find(room: ConversationId, user: UserId): Promise<MemberDocument | null> {
    const member = await this.#members.findById(memberId(room, user));
    return member?.leaving === undefined ? member : null;
  }

  async findAll(room: ConversationId, users: UserId[]): Promise<MemberDocument[]> {
    const found = await this.#members.findByIds(users.map((user) => memberId(room, user)));
    return found.filter(({ leaving }) => leaving === undefined);
  }

  /** A user's memberships of some rooms. */
  async inAny(rooms: ConversationId[], user: UserId): Promise<MemberDocument[]> {
    const found = await this.#members.findByIds(rooms.map((room) => memberId(room, user)));
    return found.filter(({ leaving }) => leaving === undefined);
  }

  /** Can be repeated. @returns the membership, and whether it is a new one */
  async enter(room: ConversationId, user: UserId): Promise<{ member: MemberDocument; isNew: boolean }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const there = await this.#members.findById(memberId(room, user));
      if (there?.leaving !== undefined) await this.#finishRemoval(there);
      else if (there) return { member: await this.settle(there), isNew: false };
      const member = await this.#insert(room, user, "member", Date.now());
      if (member) return { member: await this.settle(member), isNew: true };
    }
    throw unavailable();
  }

  /** The first member of a room that is being made. Where chat is away, the `join` stays owed: the room is there all the same. */
  async found(room: ConversationId, owner: UserId, at: number): Promise<void> {
    const member = await this.#insert(room, owner, "admin", at);
    if (member) await this.settle(member).catch(() => {});
  }

  /**
   * Members of rooms of an older system. Can be repeated. Who owes a `join` afterwards gets it from the caller, who then settles; the
   * sweep does both for who is killed.
   * @param members at most 1000
   * @returns each as it is now, in their order, and which are new
   */
  async import(members: { room_id: ConversationId; user_id: UserId; joined_at: number }[]) {
    const known = new Map<string, MemberDocument>();
    const made = new Set<string>();
    const ids = members.map(({ room_id, user_id }) => memberId(room_id, user_id));
    for (let attempt = 0; ; attempt += 1) {
      for (const member of await this.#members.findByIds([...new Set(ids)])) known.set(member._id, member);
      const missing = new Map<string, MemberDocument>();
      for (const { room_id, user_id, joined_at } of members) {
        const member = memberJoining(room_id, user_id, "member", joined_at);
        if (!known.has(member._id)) missing.set(member._id, member);
      }
      if (missing.size === 0) break;
      if (attempt >= ATTEMPTS) throw unavailable();
      const joining = [...missing.values()];
      const { inserted } = await this.#members.insertMany(joining);
      for (const { _id } of joining.slice(0, inserted)) made.add(_id);
    }
    return { members: ids.flatMap((id) => known.get(id) ?? []), made };
  }

  /** The `join` of each of these is in the log. */
  async settleAll(members: Pick<MemberDocument, "room" | "user_id" | "membership">[]): Promise<void> {
    const ids = members.map(({ room, user_id }) => memberId(room, user_id));
    const settled = new Set(members.map(({ membership }) => membership));
    const found = await this.#members.findByIds(ids);
    const owing = found.filter(({ membership, leaving }) => settled.has(membership) && leaving === undefined);
    await this.#members.updateMany(
      { _id: { $in: owing.map(({ _id }) => _id) }, leaving: null, owes_join: true },
      { $unset: { owes_join: true, unsettled_since: true } },
    );
  }

  /** Appends the `join` that a membership may owe. */
  async settle(member: MemberDocument): Promise<MemberDocument> {
    if (!member.owes_join) return member;
    await this.#append("join", member);
    const { _id, membership } = member;
    await this.#members.updateOne(
      { _id, membership, leaving: null },
      { $unset: { owes_join: true, unsettled_since: true } },
    );
    return member;
  }

  /**
   * @param member as it was before its room was seen to have another owner
   * @throws UNAVAILABLE where it is about to get the room; then, or where chat is away, a sweep ends what was begun
   */
  async remove(member: MemberDocument): Promise<void> {
    const marked = await this.#mark(member);
    // Counted from when it stands in the database.
    const settled = sleep(SETTLED_AFTER_MS);
    if (marked) await this.#finishRemoval(marked);
    await settled;
  }

  /** As `remove`, but answers as soon as it is done. */
  async end(member: MemberDocument): Promise<void> {
    const marked = await this.#mark(member);
    if (marked) await this.#finishRemoval(marked);
  }

  /** @returns the membership as it is about to end; null where it has ended already */
  async #mark({ _id, membership, promoted_at, promotions }: MemberDocument): Promise<MemberDocument | null> {
    if (promoted_at !== undefined && Date.now() - promoted_at < this.#patience) throw unavailable();
    const marked = await this.#members.findOneAndUpdate(
      {
        ...{ _id, membership, leaving: null },
        ...{ promoted_at: promoted_at ?? null, promotions: promotions ?? null },
      },
      { $set: { leaving: randomUUID(), unsettled_since: Date.now() } },
    );
    if (marked) return marked;
    const now = await this.#members.findById(_id);
    if (now?.membership !== membership) return null;
    if (now.leaving === undefined) throw unavailable();
    return now;
  }

  /** @throws NOT_FOUND where it has ended meanwhile */
  async change({ _id, membership }: MemberDocument, update: Update<MemberDocument>): Promise<MemberDocument> {
    const changed = await this.#members.findOneAndUpdate({ _id, membership, leaving: null }, update);
    if (!changed) throw notFound("This member has just left.");
    return changed;
  }

  setRole(member: MemberDocument, role: MemberDocument["role"]): Promise<MemberDocument> {
    return this.change(member, { $set: { role, by_rank: byRank({ ...member, role }) } });
  }

  /** Who is to own the room if its owner goes: the first of the admins, else of the members. */
  async heirOf(room: ConversationId, owner: UserId): Promise<MemberDocument | undefined> {
    const first = await this.#members.page({
      index: "by_rank",
      prefix: `${room}.`,
      limit: 2,
      where: { leaving: null },
    });
    return first.find(({ user_id }) => user_id !== owner);
  }

  /** Of a room, by user id. @param after the `_id` behind which the page begins */
  page(room: ConversationId, limit: number, after?: string): Promise<MemberDocument[]> {
    return this.#members.page({
      prefix: `${room}.`,
      limit,
      where: { leaving: null },
      ...(after === undefined ? {} : { after }),
    });
  }

  /** Of a user, joined last first. @param after the `by_user` behind which the page begins */
  pageOf(user: UserId, limit: number, after?: string): Promise<MemberDocument[]> {
    return this.#members.page({
      index: "by_user",
      prefix: `${user}.`,
      order: "desc",
      limit,
      where: { leaving: null },
      ...(after === undefined ? {} : { after }),
    });
  }

  /** Also those that are about to end. */
  anyOf(user: UserId): Promise<MemberDocument[]> {
    return this.#members.page({ index: "by_user", prefix: `${user}.`, limit: PORTION });
  }

  /** With a room that is gone: nothing is appended. */
  async dropAll(room: ConversationId): Promise<void> {
    await this.#members.deleteMany({ _id: { $gte: `${room}.`, $lt: `${room}/` } });
  }

  /** Finishes what crashes left. @throws the first error, after the others of its portion were tried */
  async sweep(): Promise<void> {
    const unsettled = await this.#members.find(
      { unsettled_since: { $lt: Date.now() - this.#patience } },
      { sort: { unsettled_since: 1 }, limit: PORTION },
    );
    const outcomes = await Promise.allSettled(
      unsettled.map((member) =>
        member.leaving === undefined ? this.settle(member) : this.#finishRemoval(member),
      ),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** @returns undefined where somebody else was faster */
  async #insert(
    room: ConversationId,
    user_id: UserId,
    role: MemberDocument["role"],
    joined_at: number,
  ): Promise<MemberDocument | undefined> {
    try {
      return await this.#members.insert(memberJoining(room, user_id, role, joined_at));
    } catch (error) {
      if (error instanceof DuplicateKey) return undefined;
      throw error;
    }
  }

  async #finishRemoval(member: MemberDocument): Promise<void> {
    const { _id, membership, leaving, owes_join } = member;
    if (leaving === undefined) return;
    if (owes_join) await this.#append("join", member);
    await this.#append("leave", member);
    await this.#members.deleteOne({ _id, membership, leaving });
  }
}

const memberJoining = (
  room: ConversationId,
  user_id: UserId,
  role: MemberDocument["role"],
  joined_at: number,
): MemberDocument => ({
  _id: memberId(room, user_id),
  room,
  user_id,
  membership: randomUUID(),
  role,
  joined_at,
  by_user: byUser(user_id, joined_at, room),
  by_rank: byRank({ room, role, joined_at, user_id }),
  owes_join: true,
  unsettled_since: Date.now(),
});

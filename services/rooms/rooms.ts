/** Rooms: made, found, changed and deleted. Each has one owner, who is a member. */
import type { z } from "zod";
import {
  alreadyExists,
  DuplicateKey,
  failedPrecondition,
  hasCode,
  notFound,
  unavailable,
} from "../../lib/errors.ts";
import { type ConversationId, newRoomId, type UserId } from "../../lib/ids.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection, Update } from "../../mixins/collection/collection.ts";
import type { Memberships } from "./memberships.ts";
import type { ImportedRoom as ImportedRoomSchema } from "./rooms.contract.ts";
import type { MemberDocument, RoomDocument } from "./rooms.store.ts";

/** One that is there for users: it has its name, and is not being deleted. */
export type OpenRoom = RoomDocument & { name: string };

type ImportedRoom = z.output<typeof ImportedRoomSchema>;

const ATTEMPTS = 5;
const PORTION = 100;

/** The update by which everybody may find the room, or not. */
const listing = (
  { _id }: RoomDocument,
  is_private: boolean,
): Pick<Update<RoomDocument>, "$set" | "$unset"> =>
  is_private
    ? { $set: { is_private }, $unset: { listed: true } }
    : { $set: { is_private, listed: _id }, $unset: {} };

export const noSuchRoom = () => notFound("There is no such room.");

const isOpen = (room: RoomDocument | null): room is OpenRoom =>
  room?.name !== undefined && room.deleting_since === undefined;

export class Rooms {
  readonly #rooms: Collection<RoomDocument>;
  readonly #claims: Claims<RoomDocument>;
  readonly #memberships: Memberships;
  readonly #tellDeleted: (room: ConversationId) => Promise<void>;
  /** Milliseconds after which no request can still be under way. */
  readonly #patience: number;

  constructor(
    rooms: Collection<RoomDocument>,
    claims: Claims<RoomDocument>,
    memberships: Memberships,
    tellDeleted: (room: ConversationId) => Promise<void>,
    patience: number,
  ) {
    this.#rooms = rooms;
    this.#claims = claims;
    this.#memberships = memberships;
    this.#tellDeleted = tellDeleted;
    this.#patience = patience;
  }

  async find(id: ConversationId): Promise<OpenRoom | null> {
    const room = await this.#rooms.findById(id);
    return isOpen(room) ? room : null;
  }

  async findAll(ids: ConversationId[]): Promise<OpenRoom[]> {
    return (await this.#rooms.findByIds(ids)).filter(isOpen);
  }

  /** Those that everybody may find, newest first. @param after the id behind which the page begins */
  async pageListed(limit: number, after?: string): Promise<OpenRoom[]> {
    const query = { index: "listed", prefix: "", order: "desc", limit } as const;
    const found = await this.#rooms.page(after === undefined ? query : { ...query, after });
    return found.filter(isOpen);
  }

  /** @throws ALREADY_EXISTS where the name is taken, and then nothing is kept */
  async create(owner: UserId, name: string, is_private: boolean): Promise<OpenRoom> {
    const made = await this.#insert(owner, is_private);
    const named = await this.#name(made, name);
    await this.#memberships.found(made._id, owner, made.created_at);
    await this.#settle(named);
    return { ...named, name };
  }

  /**
   * A room of an older system, under an id that was reserved for it. Can be repeated.
   * @returns whether it was made now
   * @throws ALREADY_EXISTS where the name is taken, and then nothing is kept
   */
  async import({ id: _id, name, owner_id, is_private, created_at }: ImportedRoom): Promise<boolean> {
    const unsettled_since = Date.now();
    let made = await this.#rooms.findById(_id);
    if (made && (made.unsettled_since === undefined || made.deleting_since !== undefined)) return false;
    // What an earlier attempt left is young again, so that no sweep takes it back.
    made = made
      ? await this.#rooms.findOneAndUpdate({ _id, deleting_since: null }, { $set: { unsettled_since } })
      : await this.#insertOne({ _id, owner_id, is_private, created_at, unsettled_since });
    if (!made) throw unavailable();
    const left = await this.#claims.endLeft(made, "name", name);
    const named = await this.#name(left, name);
    await this.#memberships.found(_id, owner_id, created_at);
    await this.#settle(named);
    return true;
  }

  /** @throws ALREADY_EXISTS where the name is taken; FAILED_PRECONDITION where it was changed meanwhile */
  async update(
    room: OpenRoom,
    { name, is_private }: { name?: string | undefined; is_private?: boolean | undefined },
  ): Promise<OpenRoom> {
    // Of another request that changes the other of the two, nothing is undone.
    const also = is_private === undefined ? {} : listing(room, is_private);
    const { _id } = room;
    const changed =
      name === undefined || name === room.name
        ? await this.#rooms.findOneAndUpdate({ _id, deleting_since: null }, also)
        : await this.#claims.take(room, "name", name, also);
    if (!isOpen(changed)) throw noSuchRoom();
    return changed;
  }

  /**
   * Gives the room to a member. While it goes on, that one can't leave.
   * @throws NOT_FOUND where the member has left; FAILED_PRECONDITION where the room was not the giver's any more
   */
  async handOver({ _id }: RoomDocument, from: UserId, to: MemberDocument): Promise<MemberDocument> {
    const promoted = await this.#memberships.change(to, { $set: { promoted_at: Date.now() } });
    const given = await this.#rooms.updateOne(
      { _id, owner_id: from, deleting_since: null },
      { $set: { owner_id: to.user_id } },
    );
    if (given) await this.#memberships.setRole(promoted, "admin");
    await this.#memberships.change(promoted, { $unset: { promoted_at: true }, $inc: { promotions: 1 } });
    if (!given) throw failedPrecondition("This room has another owner by now.");
    return promoted;
  }

  /** From here on it is there for nobody. What is left of it goes shortly after. @returns false where it is another's, or gone */
  async delete({ _id, owner_id }: RoomDocument): Promise<boolean> {
    const now = Date.now();
    const deleting = await this.#rooms.findOneAndUpdate(
      { _id, owner_id, deleting_since: null },
      { $set: { deleting_since: now, unsettled_since: now }, $unset: { listed: true } },
    );
    if (!deleting) return false;
    // The name is free again at once.
    await this.#claims.releaseAll(deleting, ["name"]);
    return true;
  }

  /** Everything that belongs to a room that is being deleted, but itself. Can be repeated. */
  async clear(id: ConversationId): Promise<void> {
    await this.#tellDeleted(id);
    await this.#memberships.dropAll(id);
  }

  /** Finishes what crashes left, and ends the rooms that were deleted a while ago. */
  async sweep(): Promise<void> {
    await this.#claims.sweep(Date.now() - this.#patience);
    const unsettled = await this.#rooms.find(
      { unsettled_since: { $lt: Date.now() - this.#patience } },
      { sort: { unsettled_since: 1 }, limit: PORTION },
    );
    for (const room of unsettled) {
      if (room.deleting_since !== undefined) {
        // Once more, now that nothing can still come in.
        await this.clear(room._id);
        await this.#claims.releaseAll(room, ["name"]);
        await this.#rooms.deleteOne({ _id: room._id });
      } else if (room.name === undefined) {
        await this.#rooms.deleteOne({
          _id: room._id,
          name: null,
          unsettled_since: room.unsettled_since ?? null,
        });
      } else if (await this.#memberships.find(room._id, room.owner_id)) {
        await this.#settle(room);
      } else {
        await this.delete(room);
      }
    }
  }

  /** @throws ALREADY_EXISTS where the name is taken, and then the room is gone */
  #name(made: RoomDocument, name: string): Promise<RoomDocument> {
    return this.#claims.take(made, "name", name).catch(async (error: unknown) => {
      if (hasCode(error, "ALREADY_EXISTS")) await this.#rooms.deleteOne({ _id: made._id });
      throw error;
    });
  }

  async #settle(room: RoomDocument): Promise<void> {
    const { $set, $unset } = listing(room, room.is_private);
    await this.#rooms.updateOne(
      { _id: room._id, is_private: room.is_private, deleting_since: null },
      { $set, $unset: { ...$unset, unsettled_since: true } },
    );
  }

  /** @returns null where the id is taken */
  async #insertOne(room: RoomDocument): Promise<RoomDocument | null> {
    try {
      return await this.#rooms.insert(room);
    } catch (error) {
      if (error instanceof DuplicateKey) return null;
      throw error;
    }
  }

  async #insert(owner_id: UserId, is_private: boolean): Promise<RoomDocument> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = Date.now();
      const room = { _id: newRoomId(), owner_id, is_private, created_at: now, unsettled_since: now };
      const made = await this.#insertOne(room);
      if (made) return made;
    }
    throw alreadyExists("No id was free. Try again.");
  }
}

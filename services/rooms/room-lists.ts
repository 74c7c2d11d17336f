/** Lists of rooms: one's own with what is unread, and all that are open. */
import type { ResultOf } from "../../lib/contract.ts";
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Memberships } from "./memberships.ts";
import type { RoomSummary } from "./rooms.contract.ts";
import type { Rooms } from "./rooms.ts";
import { roleOf, roomOf } from "./standing.ts";

interface Page {
  limit: number;
  cursor?: string | undefined;
}

/** Asks chat for last messages and unread counts. */
export type Summarize = (user: UserId, ids: ConversationId[]) => Promise<ResultOf<"v1.chat.summarizeRooms">>;

export class RoomLists {
  readonly #rooms: Rooms;
  readonly #memberships: Memberships;
  readonly #summarize: Summarize;

  constructor(rooms: Rooms, memberships: Memberships, summarize: Summarize) {
    this.#rooms = rooms;
    this.#memberships = memberships;
    this.#summarize = summarize;
  }

  /** Joined last first. Three reads and one call, however long the page. @throws INVALID_ARGUMENT for another list's cursor */
  async ofUser(user: UserId, { limit, cursor }: Page) {
    const list = `rooms of ${user}`;
    const after = cursor === undefined ? undefined : decodeCursor(list, cursor);
    const rows = await this.#memberships.pageOf(user, limit + 1, after);
    const { items, next_cursor } = toPage(list, rows, limit, ({ by_user }) => by_user);
    const ids = items.map(({ room }) => room);
    if (ids.length === 0) return { rooms: [], next_cursor };
    const [found, states] = await Promise.all([this.#rooms.findAll(ids), this.#summarize(user, ids)]);
    // What was said last in a room is not for who was removed from it before that was read.
    const still = new Set((await this.#memberships.inAny(ids, user)).map(({ membership }) => membership));
    const roomWith = new Map(found.map((room) => [room._id, room]));
    const stateOf = new Map(states.rooms.map(({ id, ...state }) => [id, state]));
    const rooms = items.flatMap((member): RoomSummary[] => {
      const room = still.has(member.membership) ? roomWith.get(member.room) : undefined;
      return room ? [{ ...roomOf(room), role: roleOf(room, member), ...stateOf.get(room._id) }] : [];
    });
    return { rooms, next_cursor };
  }

  /** Newest first. Two reads. @throws INVALID_ARGUMENT for another list's cursor */
  async open(user: UserId, { limit, cursor }: Page) {
    const list = "open rooms";
    const after = cursor === undefined ? undefined : decodeCursor(list, cursor);
    const rows = await this.#rooms.pageListed(limit + 1, after);
    const { items, next_cursor } = toPage(list, rows, limit, ({ _id }) => _id);
    const own = await this.#memberships.inAny(
      items.map(({ _id }) => _id),
      user,
    );
    const memberIn = new Map(own.map((member) => [member.room, member]));
    const rooms = items.map((room): RoomSummary => {
      const member = memberIn.get(room._id);
      return { ...roomOf(room), role: member ? roleOf(room, member) : null };
    });
    return { rooms, next_cursor };
  }
}

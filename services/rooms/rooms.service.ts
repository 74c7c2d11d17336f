/** Rooms: named conversations of many, and who is in them. The messages are chat's. */
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../../lib/contract.ts";
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import { failedPrecondition, hasCode, notFound, permissionDenied } from "../../lib/errors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { callerOf, implement } from "../../mixins/actions.ts";
import { Claims } from "../../mixins/claims.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume, publish } from "../../mixins/durable-events/durable-events.ts";
import { realtimeBus, userSubject, type WithBus } from "../../mixins/realtime-bus/realtime-bus.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { leaveAll } from "./departures.ts";
import { importMembers, importRooms } from "./importing.ts";
import { Memberships, SETTLED_AFTER_MS } from "./memberships.ts";
import { RoomLists } from "./room-lists.ts";
import { type RoomSignal, roomsContract } from "./rooms.contract.ts";
import { roomsCollections } from "./rooms.store.ts";
import { noSuchRoom, Rooms } from "./rooms.ts";
import {
  assertMember,
  assertModerator,
  assertOwner,
  isMember,
  type MembersStanding,
  memberOf,
  roomOf,
  type Standing,
  standingOf,
} from "./standing.ts";

type RoomsService = WithCollections<typeof roomsCollections> &
  WithBus & { rooms: Rooms; memberships: Memberships; lists: RoomLists; tell: Tell };

/** Tells a user, on all devices, what happened without their doing. */
type Tell = (user: UserId, frame: RoomSignal) => void;

/** Of an unpaged list. */
const MAX_ROOM_IDS = 1_000;

export default defineService<RoomsService>({
  name: "rooms",
  version: 1,
  metadata: { needs: ["v1.auth", "v1.users", "v1.social", "v1.chat"] },
  mixins: [
    collections(roomsCollections),
    realtimeBus,
    sweep<RoomsService>({ name: "rooms", run: ({ rooms }) => rooms.sweep() }),
    sweep<RoomsService>({ name: "memberships", run: ({ memberships }) => memberships.sweep() }),
  ],

  actions: implement<typeof roomsContract, RoomsService>(roomsContract, {
    async "v1.rooms.createRoom"(ctx) {
      const { name, is_private } = ctx.params;
      return roomOf(await this.rooms.create(callerOf(ctx).id, name, is_private));
    },
    "v1.rooms.listRooms"(ctx) {
      const { public: open, ...page } = ctx.params;
      const { id } = callerOf(ctx);
      return open ? this.lists.open(id, page) : this.lists.ofUser(id, page);
    },
    async "v1.rooms.getRoom"(ctx) {
      const { room, role } = await standing(this, ctx.params.id, callerOf(ctx).id);
      return { ...roomOf(room), role };
    },
    async "v1.rooms.readOpenRoom"(ctx) {
      const room = await this.rooms.find(ctx.params.id);
      if (!room || room.is_private) throw noSuchRoom();
      return roomOf(room);
    },
    async "v1.rooms.listRoomIds"(ctx) {
      const members = await this.memberships.pageOf(callerOf(ctx).id, MAX_ROOM_IDS);
      const open = await this.rooms.findAll(members.map(({ room }) => room));
      const there = new Set<string>(open.map(({ _id }) => _id));
      return { ids: members.flatMap(({ room }) => (there.has(room) ? [room] : [])) };
    },
    async "v1.rooms.updateRoom"(ctx) {
      const { id, ...changes } = ctx.params;
      const own = await standing(this, id, callerOf(ctx).id);
      assertOwner(own);
      return roomOf(await this.rooms.update(own.room, changes));
    },
    async "v1.rooms.deleteRoom"(ctx) {
      const own = await standing(this, ctx.params.id, callerOf(ctx).id);
      assertOwner(own);
      if (!(await this.rooms.delete(own.room))) throw noSuchRoom();
      const settled = sleep(SETTLED_AFTER_MS);
      void this.rooms
        .clear(own.room._id)
        .catch((error: unknown) => this.logger.warn("A deleted room is cleared by the sweep.", error));
      await settled;
      return null;
    },
    async "v1.rooms.joinRoom"(ctx) {
      const { id: user } = callerOf(ctx);
      const { room, member } = await standing(this, ctx.params.id, user);
      // A private room is there for members alone; who is being removed from one must not come in again.
      if (member) return { ...memberOf(room, await this.memberships.settle(member)), joined: false };
      const { member: entered, isNew } = await this.memberships.enter(room._id, user);
      const now = isNew ? await this.rooms.find(room._id) : room;
      if (now && !now.is_private) return { ...memberOf(now, entered), joined: isNew };
      // It was closed to others, or deleted, in the meantime.
      if (isNew) await this.memberships.end(entered);
      throw noSuchRoom();
    },
    async "v1.rooms.leaveRoom"(ctx) {
      const own = await standing(this, ctx.params.id, callerOf(ctx).id);
      assertMember(own);
      if (own.role === "owner") {
        throw failedPrecondition("You own this room. Make another member its owner first, or delete it.");
      }
      await this.memberships.remove(own.member);
      return null;
    },
    async "v1.rooms.inviteMember"(ctx) {
      const { id, user_id } = ctx.params;
      const { id: caller } = callerOf(ctx);
      const own = await standing(this, id, caller);
      assertModerator(own);
      if (user_id === caller) return { ...memberOf(own.room, own.member), joined: false };
      const [{ exists }, { hidden_ids, blocked_ids }] = await Promise.all([
        call(ctx, "v1.users.exists", { user_id }),
        call(ctx, "v1.social.blockedAmong", { user_id: caller, others: [user_id] }),
      ]);
      if (!exists || hidden_ids.length > 0) throw notFound("There is no such user.");
      if (blocked_ids.length > 0) throw permissionDenied("You have blocked this user.");
      const { member, isNew } = await this.memberships.enter(id, user_id);
      if (!isNew) return { ...memberOf(own.room, member), joined: false };
      try {
        // Who was removed in the meantime brings nobody in.
        assertModerator(await standing(this, id, caller));
      } catch (error) {
        await this.memberships.end(member);
        throw error;
      }
      this.tell(user_id, { op: "room_joined", room: roomOf(own.room) });
      return { ...memberOf(own.room, member), joined: true };
    },
    async "v1.rooms.listMembers"(ctx) {
      const { id, limit, cursor } = ctx.params;
      const own = await standing(this, id, callerOf(ctx).id);
      assertMember(own);
      const list = `members of ${id}`;
      const after = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rows = await this.memberships.page(id, limit + 1, after);
      const { items, next_cursor } = toPage(list, rows, limit, ({ _id }) => _id);
      return { members: items.map((member) => memberOf(own.room, member)), next_cursor };
    },
    async "v1.rooms.removeMember"(ctx) {
      const { id, user_id } = ctx.params;
      const { id: caller } = callerOf(ctx);
      const own = await standing(this, id, caller);
      assertModerator(own);
      if (user_id === caller) throw failedPrecondition("That is yourself. Leave the room instead.");
      const theirs = await target(this, id, user_id);
      if (theirs.role === "owner" || (theirs.role === "admin" && own.role !== "owner")) {
        throw permissionDenied("Only the owner may remove an admin, and nobody the owner.");
      }
      await this.memberships.remove(theirs.member);
      this.tell(user_id, { op: "room_left", room_id: id });
      return null;
    },
    async "v1.rooms.changeRole"(ctx) {
      const { id, user_id, role } = ctx.params;
      const { id: caller } = callerOf(ctx);
      const own = await standing(this, id, caller);
      assertOwner(own);
      const { room, member } = await target(this, id, user_id);
      if (room.owner_id === user_id) {
        if (role === "owner") return memberOf(room, member);
        throw failedPrecondition("The owner stays the owner until another member is.");
      }
      if (role !== "owner") return memberOf(room, await this.memberships.setRole(member, role));
      return memberOf({ ...room, owner_id: user_id }, await this.rooms.handOver(room, caller, member));
    },
    "v1.rooms.importRooms"(ctx) {
      return importRooms(this.rooms, ctx.params.rooms);
    },
    "v1.rooms.importMembers"(ctx) {
      return importMembers(this.rooms, this.memberships, ctx.params.members);
    },
    async "v1.rooms.settleMembers"(ctx) {
      await this.memberships.settleAll(
        ctx.params.members.map(({ room_id: room, ...rest }) => ({ room, ...rest })),
      );
      return null;
    },
    async "v1.rooms.checkMembers"(ctx) {
      const { id, user_ids } = ctx.params;
      const [room, members] = await Promise.all([
        this.rooms.find(id),
        this.memberships.findAll(id, user_ids),
      ]);
      return {
        room: room && { is_private: room.is_private },
        member_ids: room ? members.map(({ user_id }) => user_id) : [],
      };
    },
  }),

  channels: consume<RoomsService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await leaveAll(this.rooms, this.memberships, user_id);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "rooms" });
      },
    },
  }),

  async started() {
    const { rooms, roomNames, members } = this.collections;
    const { STALE_AFTER_MS: patience } = runtimeOf(this.broker).config;
    this.memberships = new Memberships(
      members,
      (type, { room, user_id, membership, joined_at }) =>
        call(this.broker, "v1.chat.appendMembership", {
          ...{ id: room, user_id, type, membership },
          ...(type === "join" ? { at: joined_at } : {}),
        }),
      patience,
    );
    const tellDeleted = (room_id: ConversationId) => publish(this.broker, "room.deleted", { room_id });
    this.rooms = new Rooms(rooms, new Claims(rooms, roomNames), this.memberships, tellDeleted, patience);
    this.lists = new RoomLists(this.rooms, this.memberships, (user_id, ids) =>
      call(this.broker, "v1.chat.summarizeRooms", { user_id, ids }),
    );
    this.tell = (user, frame) => this.bus.publish(userSubject(user), JSON.stringify(frame));
  },
});

const standing = (
  { rooms, memberships }: RoomsService,
  id: ConversationId,
  user: UserId,
): Promise<Standing> => standingOf(rooms, memberships, id, user);

/** Another one, whom a member of the room names. @throws NOT_FOUND */
async function target(service: RoomsService, id: ConversationId, user: UserId): Promise<MembersStanding> {
  const theirs = await standing(service, id, user).catch((error: unknown) => {
    // A private room does not exist for who is not in it.
    if (hasCode(error, "NOT_FOUND")) return undefined;
    throw error;
  });
  if (!theirs || !isMember(theirs)) throw notFound("There is no such member.");
  return theirs;
}

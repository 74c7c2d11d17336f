/** Rooms: named conversations of many, and who is in them. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { pageParams } from "../../lib/cursors.ts";
import { ConversationIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { ConversationState } from "../chat/chat.contract.ts";
import { ImportedTime, MAX_RECORDS } from "../imports/imports.contract.ts";

/** How many users `checkMembers` is asked about at once: as many as messages go out in one batch. */
export const MAX_CHECKED = 256;

/** Compared whatever the case. */
export const RoomName = z
  .string()
  .normalize("NFC")
  .trim()
  .min(3)
  .max(20)
  .refine(
    (name) => name.isWellFormed() && !/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(name),
    "must not contain control or invisible characters",
  );

/** The owner is one, admins and members as they were made. */
export const Role = z.enum(["owner", "admin", "member"]);

export const Room = z
  .object({
    id: z.string(),
    name: z.string(),
    is_private: z.boolean(),
    owner_id: z.string(),
    created_at_unix_ms: z.int(),
  })
  .meta({ id: "Room" });

export type Room = z.output<typeof Room>;

/** The frames that a user gets who joins or leaves, on all devices. Not kept. */
export const roomSignals = {
  room_joined: z
    .object({ op: z.literal("room_joined"), room: Room })
    .describe("The user is a member of the room now"),
  room_left: z
    .object({ op: z.literal("room_left"), room_id: z.string() })
    .describe("The user is no longer a member"),
};

export type RoomSignal = z.output<(typeof roomSignals)[keyof typeof roomSignals]>;

export const RoomSummary = Room.extend({
  role: Role.nullable().describe("one's own; null where one is no member"),
  ...ConversationState.partial().shape,
})
  .describe("of one's own rooms with last message and unread count")
  .meta({ id: "RoomSummary" });

export const RoomMember = z
  .object({ user_id: z.string(), role: Role, joined_at_unix_ms: z.int() })
  .meta({ id: "RoomMember" });

export type RoomSummary = z.output<typeof RoomSummary>;
export type RoomMember = z.output<typeof RoomMember>;

const Entered = RoomMember.extend({
  joined: z.boolean().describe("false for who was in already"),
});

const id = ConversationIdSchema;

export const ImportedRoom = z.strictObject({
  id,
  name: RoomName,
  owner_id: UserIdSchema,
  is_private: z.boolean(),
  created_at: ImportedTime,
});

/** Without `joined_at` it is in the room since there is one. */
export const ImportedMember = z.strictObject({
  room_id: id,
  user_id: UserIdSchema,
  joined_at: ImportedTime.optional(),
});

export const roomsContract = defineContract({
  "v1.rooms.createRoom": {
    audience: "user",
    params: z.strictObject({ name: RoomName, is_private: z.boolean().default(false) }),
    result: Room,
  },
  "v1.rooms.listRooms": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      ...pageParams,
      public: z
        .boolean()
        .default(false)
        .describe("all open rooms, newest first; else one's own, joined last first"),
    }),
    result: z.object({ rooms: z.array(RoomSummary), next_cursor: z.string().nullable() }),
  },
  "v1.rooms.getRoom": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id }),
    result: Room.extend({ role: Role.nullable().describe("one's own; null where one is no member") }),
  },
  "v1.rooms.updateRoom": {
    audience: "user",
    idempotent: true,
    params: z
      .strictObject({ id, name: RoomName.optional(), is_private: z.boolean().optional() })
      .refine(({ name, is_private }) => name !== undefined || is_private !== undefined, {
        message: "at least one of name and is_private is needed",
      }),
    result: Room,
  },
  /** The room is gone at once, its messages shortly after. */
  "v1.rooms.deleteRoom": {
    audience: "user",
    params: z.strictObject({ id }),
    result: z.null(),
  },
  /** Whoever asks, also nobody in particular: NOT_FOUND for a private one. */
  "v1.rooms.readOpenRoom": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ id }),
    result: Room,
  },
  /** All of one's own at once, joined last first, 1,000 at most. */
  "v1.rooms.listRoomIds": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: z.object({ ids: z.array(z.string()) }),
  },
  /** Who is in already stays so. */
  "v1.rooms.joinRoom": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id }),
    result: Entered,
  },
  /** When it answers, the caller can neither read nor write any more. */
  "v1.rooms.leaveRoom": {
    audience: "user",
    params: z.strictObject({ id }),
    result: z.null(),
  },
  /** Makes a member at once. Who is in already stays so. */
  "v1.rooms.inviteMember": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id, user_id: UserIdSchema }),
    result: Entered,
  },
  "v1.rooms.listMembers": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id, ...pageParams }),
    result: z.object({ members: z.array(RoomMember), next_cursor: z.string().nullable() }),
  },
  /** When it answers, the member can neither read nor write any more. */
  "v1.rooms.removeMember": {
    audience: "user",
    params: z.strictObject({ id, user_id: UserIdSchema }),
    result: z.null(),
  },
  /** A new owner takes the place of the old one, who stays as an admin. */
  "v1.rooms.changeRole": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id, user_id: UserIdSchema, role: Role }),
    result: RoomMember,
  },
  /** For the import: in the order of the rooms. Refused is a name that another has. */
  "v1.rooms.importRooms": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ rooms: z.array(ImportedRoom).min(1).max(MAX_RECORDS) }),
    result: z.object({
      outcomes: z.array(
        z.object({ outcome: z.enum(["made", "there", "refused"]), reason: z.string().optional() }),
      ),
    }),
  },
  /** For the import: in the order of the members. Who gets a `membership` owes its `join`: append it, then settle. */
  "v1.rooms.importMembers": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ members: z.array(ImportedMember).min(1).max(MAX_RECORDS) }),
    result: z.object({
      members: z.array(
        z.object({ is_new: z.boolean(), membership: z.string().nullable(), joined_at: z.int() }),
      ),
    }),
  },
  /** For the import: the `join` of these is in the log. */
  "v1.rooms.settleMembers": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      members: z
        .array(z.strictObject({ room_id: id, user_id: UserIdSchema, membership: z.uuid() }))
        .min(1)
        .max(MAX_RECORDS),
    }),
    result: z.null(),
  },
  /** Who of the users is in a room at this moment. Never answered from a cache. */
  "v1.rooms.checkMembers": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ id, user_ids: z.array(UserIdSchema).min(1).max(MAX_CHECKED) }),
    result: z.object({
      room: z.object({ is_private: z.boolean() }).nullable().describe("null where there is none"),
      member_ids: z.array(z.string()),
    }),
  },
});

/** Durable: nobody is in the room any more, nor will be. Comes twice, for what was still under way the first time. */
export const RoomDeleted = z.object({ room_id: ConversationIdSchema });

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof roomsContract> {}
  interface DurableEvents {
    "room.deleted": z.output<typeof RoomDeleted>;
  }
}

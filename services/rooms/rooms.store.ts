/** The collections of rooms, of the names they hold, and of their members. */
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { type Claimant, claimCollection } from "../../mixins/claims.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface RoomDocument extends Claimant {
  _id: ConversationId;
  /** Absent while it is being made. */
  name?: string;
  is_private: boolean;
  owner_id: UserId;
  created_at: number;
  /** Its own `_id` where everybody may find it. */
  listed?: string;
  /** From then on there is no such room, for anybody. */
  deleting_since?: number;
  /** Since when it is being made or deleted: a sweep goes on where a crash left off. */
  unsettled_since?: number;
}

export interface MemberDocument {
  /** `<room>.<user>` */
  _id: string;
  room: ConversationId;
  user_id: UserId;
  /** Of this stay: who leaves and comes back has another. */
  membership: string;
  /** Of an owner too: the room says who that is. */
  role: "admin" | "member";
  joined_at: number;
  /** `<user>.<joined_at, padded>.<room>` */
  by_user: string;
  /** `<room>.<0 for an admin, 1 for a member>.<joined_at, padded>.<user>` */
  by_rank: string;
  /** Until its `join` is in the log. */
  owes_join?: true;
  /** From then on no member: the mark of this removal. */
  leaving?: string;
  /** When a hand-over of the room to this member began, until it is done. Who is about to own a room can't leave. */
  promoted_at?: number;
  /** How often such a hand-over has ended: who decided to leave before it did must decide again. */
  promotions?: number;
  /** Since when it owes its `join` or is leaving: a sweep goes on where a crash left off. */
  unsettled_since?: number;
}

export const roomsCollections = {
  rooms: defineCollection<RoomDocument>({
    name: "rooms",
    indexes: [{ fields: ["listed"] }, { fields: ["unsettled_since"] }],
  }),
  roomNames: claimCollection("room_names"),
  members: defineCollection<MemberDocument>({
    name: "room_members",
    indexes: [{ fields: ["by_user"] }, { fields: ["by_rank"] }, { fields: ["unsettled_since"] }],
  }),
};

const padded = (time: number) => String(time).padStart(16, "0");

export const memberId = (room: ConversationId, user: UserId): string => `${room}.${user}`;

export const byUser = (user: UserId, joinedAt: number, room: ConversationId): string =>
  `${user}.${padded(joinedAt)}.${room}`;

export const byRank = ({
  room,
  role,
  joined_at,
  user_id,
}: Pick<MemberDocument, "room" | "role" | "joined_at" | "user_id">): string =>
  `${room}.${role === "admin" ? 0 : 1}.${padded(joined_at)}.${user_id}`;

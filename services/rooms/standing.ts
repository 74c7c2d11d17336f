/** How a user stands to a room, and what that lets them do. Of a private room others don't learn that it exists. */
import type { z } from "zod";
import { permissionDenied } from "../../lib/errors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Memberships } from "./memberships.ts";
import type { Role as RoleSchema, Room, RoomMember } from "./rooms.contract.ts";
import type { MemberDocument } from "./rooms.store.ts";
import { noSuchRoom, type OpenRoom, type Rooms } from "./rooms.ts";

export type Role = z.output<typeof RoleSchema>;

export interface Standing {
  room: OpenRoom;
  /** As it was before the room was read, so that nobody can become the owner and leave at once. */
  member: MemberDocument | null;
  role: Role | null;
}

/** Of somebody who is in the room. */
export type MembersStanding = Standing & { member: MemberDocument; role: Role };

/** @throws NOT_FOUND where there is no such room, or none for this user */
export async function standingOf(
  rooms: Rooms,
  memberships: Memberships,
  id: ConversationId,
  user: UserId,
): Promise<Standing> {
  const member = await memberships.find(id, user);
  const room = await rooms.find(id);
  if (!room || (room.is_private && !member)) throw noSuchRoom();
  return { room, member, role: member && roleOf(room, member) };
}

export function isMember(standing: Standing): standing is MembersStanding {
  return standing.member !== null;
}

/** @throws PERMISSION_DENIED */
export function assertMember(standing: Standing): asserts standing is MembersStanding {
  if (!isMember(standing)) throw permissionDenied("You are not in this room. Join it first.");
}

/** @throws PERMISSION_DENIED */
export function assertOwner({ role }: Standing): void {
  if (role !== "owner") throw permissionDenied("Only the owner of a room may do this.");
}

/** @throws PERMISSION_DENIED */
export function assertModerator(standing: Standing): asserts standing is MembersStanding {
  if (standing.role !== "owner" && standing.role !== "admin") {
    throw permissionDenied("Only the owner and the admins of a room may do this.");
  }
}

export const roleOf = (room: OpenRoom, member: MemberDocument): Role =>
  room.owner_id === member.user_id ? "owner" : member.role;

export const memberOf = (room: OpenRoom, member: MemberDocument): RoomMember => ({
  user_id: member.user_id,
  role: roleOf(room, member),
  joined_at_unix_ms: member.joined_at,
});

export const roomOf = (room: OpenRoom): Room => ({
  id: room._id,
  name: room.name,
  is_private: room.is_private,
  owner_id: room.owner_id,
  created_at_unix_ms: room.created_at,
});

/** What becomes of a user's rooms and memberships when the account goes. */
import type { UserId } from "../../lib/ids.ts";
import type { Memberships } from "./memberships.ts";
import type { MemberDocument } from "./rooms.store.ts";
import type { Rooms } from "./rooms.ts";

/**
 * Leaves all rooms. One that the user owns gets another owner: the first of its admins, else of its members; where there is nobody
 * else, it goes. Can be repeated.
 */
export async function leaveAll(rooms: Rooms, memberships: Memberships, user: UserId): Promise<void> {
  for (;;) {
    const found = await memberships.anyOf(user);
    for (const member of found) {
      if (await passOn(rooms, memberships, member)) await memberships.end(member);
    }
    if (found.length === 0) return;
  }
}

/** @returns whether the room goes on without the member */
async function passOn(rooms: Rooms, memberships: Memberships, member: MemberDocument): Promise<boolean> {
  const { user_id: user } = member;
  const room = await rooms.find(member.room);
  if (!room) {
    await rooms.clear(member.room);
    return false;
  }
  if (room.owner_id !== user) return true;
  const heir = await memberships.heirOf(room._id, user);
  if (heir) {
    await rooms.handOver(room, user, heir);
    return true;
  }
  // By now it may be another's, who was brought in meanwhile.
  if (!(await rooms.delete(room))) return passOn(rooms, memberships, member);
  await rooms.clear(room._id);
  return false;
}

/** Rooms of older systems, and who is in them. */

import type { z } from "zod";
import type { ResultOf } from "../../lib/contract.ts";
import { hasCode } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import type { Memberships } from "./memberships.ts";
import type { ImportedMember, ImportedRoom } from "./rooms.contract.ts";
import type { Rooms } from "./rooms.ts";

type Outcome = ResultOf<"v1.rooms.importRooms">["outcomes"][number];

/** Rooms that are made at the same time. */
const WIDTH = 32;

export async function importRooms(
  rooms: Rooms,
  imported: z.output<typeof ImportedRoom>[],
): Promise<ResultOf<"v1.rooms.importRooms">> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < imported.length; i += WIDTH) {
    const portion = imported.slice(i, i + WIDTH).map(async (room): Promise<Outcome> => {
      try {
        return { outcome: (await rooms.import(room)) ? "made" : "there" };
      } catch (error) {
        if (!hasCode(error, "ALREADY_EXISTS")) throw error;
        return { outcome: "refused", reason: "this name is taken" };
      }
    });
    outcomes.push(...(await Promise.all(portion)));
  }
  return { outcomes };
}

export async function importMembers(
  rooms: Rooms,
  memberships: Memberships,
  imported: z.output<typeof ImportedMember>[],
): Promise<ResultOf<"v1.rooms.importMembers">> {
  const begun = await beginnings(
    rooms,
    imported.flatMap(({ room_id, joined_at }) => (joined_at === undefined ? [room_id] : [])),
  );
  const { members, made } = await memberships.import(
    imported.map(({ joined_at, ...member }) => ({
      ...member,
      joined_at: joined_at ?? begun.get(member.room_id) ?? Date.now(),
    })),
  );
  return {
    members: members.map(({ _id, membership, joined_at, owes_join, leaving }) => ({
      is_new: made.has(_id),
      membership: owes_join && leaving === undefined ? membership : null,
      joined_at,
    })),
  };
}

/** When these rooms were made. */
async function beginnings(rooms: Rooms, ids: ConversationId[]): Promise<Map<ConversationId, number>> {
  if (ids.length === 0) return new Map();
  return new Map((await rooms.findAll([...new Set(ids)])).map(({ _id, created_at }) => [_id, created_at]));
}

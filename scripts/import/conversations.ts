/** Rooms and chats. One whose beginning the older system does not tell begins with the first that was said in it. */
import { type Importer, type Item, NO_USER, type Of } from "./importer.ts";

/** How many profiles one call is about. */
const PROFILES_AT_ONCE = 100;

export async function importRooms(importer: Importer, items: Item<"room">[]): Promise<void> {
  const { calls, directory } = importer;
  const users = await directory.find(
    "user",
    items.map(({ record }) => record.owner),
  );
  const known = importer.refuseUnknown(items, ({ owner }) => users.has(owner), NO_USER);
  await importer.once(
    "room",
    known,
    ({ id }) => id,
    async (wanted) => {
      const begun = await beginnings(importer, wanted, users);
      const rooms = wanted.map(({ id, record: { name, owner, is_private } }, i) => ({
        ...{ id, name, is_private, created_at: begun[i] ?? Date.now() },
        owner_id: users.get(owner) ?? "",
      }));
      const { outcomes } = await calls("v1.rooms.importRooms", { rooms });
      for (const [i, { outcome }] of outcomes.entries()) {
        const room = wanted[i];
        if (outcome === "made" && room) directory.remember("room", room.record.id, room.id);
      }
      return outcomes;
    },
  );
}

export async function importChats(importer: Importer, items: Item<"chat">[]): Promise<void> {
  const { calls, directory, firstTimes } = importer;
  const users = await directory.find(
    "user",
    items.flatMap(({ record }) => record.users),
  );
  const known = importer.refuseUnknown(
    items,
    (record) => record.users.every((user) => users.has(user)),
    NO_USER,
  );
  await importer.once(
    "chat",
    known,
    ({ id }) => id,
    async (wanted) => {
      const chats = await Promise.all(
        wanted.map(async ({ id, record }) => {
          const [one, other] = record.users;
          const created_at = record.created_at ?? (await firstTimes.of("chat", record.id)) ?? Date.now();
          const user_ids: [string, string] = [users.get(one) ?? "", users.get(other) ?? ""];
          return { id, created_at, user_ids };
        }),
      );
      const answer = await calls("v1.chat.importChats", { chats });
      return wanted.map(({ record }, i) => {
        const { id = "", is_new = false } = answer.chats[i] ?? {};
        directory.remember("chat", record.id, id);
        return { outcome: is_new ? "made" : "there", id };
      });
    },
  );
}

/** When each began: as it says, with the first of its log in the file, or with its owner. Undefined where nobody knows. */
async function beginnings(
  { calls, firstTimes }: Importer,
  wanted: { record: Of<"room"> }[],
  users: Map<string, string>,
): Promise<(number | undefined)[]> {
  const told = await Promise.all(
    wanted.map(async ({ record }) => record.created_at ?? (await firstTimes.of("room", record.id))),
  );
  const owners = new Set(wanted.flatMap(({ record }, i) => (told[i] === undefined ? [record.owner] : [])));
  const ids = [...owners].flatMap((owner) => users.get(owner) ?? []);
  const since = new Map<string | undefined, number>();
  for (let i = 0; i < ids.length; i += PROFILES_AT_ONCE) {
    const asked = { ids: ids.slice(i, i + PROFILES_AT_ONCE) };
    const { profiles } = await calls("v1.users.readProfiles", asked);
    for (const { id, created_at_unix_ms } of profiles) since.set(id, created_at_unix_ms);
  }
  return wanted.map(({ record }, i) => told[i] ?? since.get(users.get(record.owner)));
}

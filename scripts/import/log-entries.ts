/** What goes into the logs of conversations, in the order of the file: messages, and that somebody joined. */
import type { ParamsOf } from "../../lib/contract.ts";
import { type AnyItem, all, type Importer, type Item, keyBetween, NO_USER, type Of } from "./importer.ts";
import type { OldRecord } from "./records.ts";

type ImportedEntry = ParamsOf<"v1.chat.importEntries">["entries"][number];

interface Ids {
  users: Map<string, string>;
  rooms: Map<string, string>;
  chats: Map<string, string>;
}

/** A member whose `join` is to be appended. */
interface Joining {
  room_id: string;
  user_id: string;
  membership: string;
  joined_at: number;
}

const memberKey = ({ room, user }: Of<"member">): string => keyBetween(room, user);

/** Can be repeated: a member owes its `join` until it is in the log, and each message is known by its id. */
export async function importLog(importer: Importer, items: AnyItem[]): Promise<void> {
  const messages = all(items, "message");
  const members = all(items, "member");
  if (messages.length + members.length === 0) return;
  const ids = await idsOf(importer, messages, members);
  const known = new Set<AnyItem>();
  for (const item of [...messages, ...members]) {
    const reason = refusalOf(item.record, ids);
    if (reason === undefined) known.add(item);
    else importer.outcomes.refuse(item.entry, reason);
  }
  const joining = members.filter((item) => known.has(item));
  if (joining.length === 0) return append(importer, items, known, ids, new Map());
  let appended = false;
  await importer.once("member", joining, memberKey, async (wanted) => {
    const asked = wanted.map(({ record: { room, user, joined_at } }) => ({
      room_id: ids.rooms.get(room) ?? "",
      user_id: ids.users.get(user) ?? "",
      ...(joined_at === undefined ? {} : { joined_at }),
    }));
    const answer = await importer.calls("v1.rooms.importMembers", { members: asked });
    const joins = new Map<string, Joining>();
    for (const [i, { membership, joined_at }] of answer.members.entries()) {
      const member = wanted[i];
      const about = asked[i];
      if (membership !== null && member && about) {
        joins.set(memberKey(member.record), { ...about, membership, joined_at });
      }
    }
    await append(importer, items, known, ids, joins);
    appended = true;
    const settled = [...joins.values()].map(({ joined_at: _joined, ...member }) => member);
    if (settled.length > 0) await importer.calls("v1.rooms.settleMembers", { members: settled });
    return answer.members.map(({ is_new }) => ({ outcome: is_new ? "made" : "there" }));
  });
  // All of the members were made before.
  if (!appended) await append(importer, items, known, ids, new Map());
}

async function append(
  { calls, system, outcomes }: Importer,
  items: AnyItem[],
  known: Set<AnyItem>,
  ids: Ids,
  joins: Map<string, Joining>,
): Promise<void> {
  const entries: ImportedEntry[] = [];
  const joined = new Set<Joining>();
  const messages: AnyItem[] = [];
  for (const item of items) {
    const { record } = item;
    if (!known.has(item)) continue;
    if (record.kind === "message") {
      messages.push(item);
      entries.push(messageEntry(record, ids));
    } else if (record.kind === "member") {
      // Once, where it stands twice among these: where it stands first.
      const join = joins.get(memberKey(record));
      if (join && !joined.has(join)) entries.push(joinEntry(join));
      if (join) joined.add(join);
    }
  }
  if (entries.length === 0) return;
  const { is_new, is_later } = await calls("v1.chat.importEntries", { system, entries });
  let next = 0;
  for (const [i, { type }] of entries.entries()) {
    const item = type === "message" ? messages[next++] : undefined;
    if (!item) continue;
    outcomes.settle(item.entry, is_new[i] ? "made" : "there");
    if (is_later[i]) outcomes.retimed();
  }
}

const messageEntry = (record: Of<"message">, ids: Ids): ImportedEntry => ({
  type: "message",
  conversation: conversationOf(record, ids) ?? "",
  sender_id: ids.users.get(record.sender) ?? "",
  text: record.text,
  sent_at: record.sent_at,
  key: record.id,
});

const joinEntry = ({ room_id, user_id, membership, joined_at }: Joining): ImportedEntry => ({
  type: "join",
  conversation: room_id,
  sender_id: user_id,
  sent_at: joined_at,
  membership,
});

async function idsOf(
  { directory }: Importer,
  messages: Item<"message">[],
  members: Item<"member">[],
): Promise<Ids> {
  const within = (kind: "room" | "chat") =>
    messages.flatMap(({ record: { conversation } }) => (conversation.kind === kind ? [conversation.id] : []));
  const [users, rooms, chats] = await Promise.all([
    directory.find("user", [
      ...messages.map(({ record }) => record.sender),
      ...members.map(({ record }) => record.user),
    ]),
    directory.find("room", [...within("room"), ...members.map(({ record }) => record.room)]),
    directory.find("chat", within("chat")),
  ]);
  return { users, rooms, chats };
}

const conversationOf = ({ conversation: { kind, id } }: Of<"message">, { rooms, chats }: Ids) =>
  (kind === "room" ? rooms : chats).get(id);

function refusalOf(record: OldRecord, ids: Ids): string | undefined {
  if (record.kind === "message") {
    if (!ids.users.has(record.sender)) return NO_USER;
    if (conversationOf(record, ids) === undefined) {
      return `its ${record.conversation.kind} was not imported, or has been deleted`;
    }
  } else if (record.kind === "member") {
    if (!ids.users.has(record.user)) return NO_USER;
    if (!ids.rooms.has(record.room)) return "its room was not imported, or has been deleted";
  }
  return undefined;
}

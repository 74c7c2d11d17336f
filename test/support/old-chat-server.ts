// A file of chat-server's data, as large as one likes, and what Veche must hold of it afterwards.
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import bcrypt from "bcrypt";
import type { AccountDocument } from "../../services/auth/auth.store.ts";
import type { EntryDocument } from "../../services/chat/chat.store.ts";
import { randomOf } from "./random.ts";

export interface Amounts {
  users: number;
  rooms: number;
  messages: number;
}

export const OLD_PASSWORD = "the password of then";

const MEMBERS = 20;
const BEGIN = Date.UTC(2024, 0, 1);
const at = (ms: number) => new Date(BEGIN + ms).toISOString();

/** Users, then rooms with their members, then messages of all rooms in turns, as time goes. */
export async function writeChatServerFile(path: string, { users, rooms, messages }: Amounts): Promise<void> {
  const random = randomOf(1);
  const file = createWriteStream(path);
  const put = async (record: object) => {
    if (!file.write(`${JSON.stringify(record)}\n`)) await once(file, "drain");
  };
  const PasswordHash = await bcrypt.hash(OLD_PASSWORD, 4);
  for (let UID = 1; UID <= users; UID += 1) {
    const name = { Username: `User_${UID}`, Email: `user${UID}@example.com` };
    await put({ record: "user", UID, ...name, PasswordHash, CreatedAt: at(UID) });
  }
  const members = (room: number) =>
    Array.from({ length: MEMBERS }, (_, i) => 1 + ((room * 31 + i * 7) % users));
  for (let RoomID = 1; RoomID <= rooms; RoomID += 1) {
    const [CreatorUID, ...others] = members(RoomID);
    const created = 1e9 + RoomID * 100;
    const room = { RoomID, Name: `Room ${RoomID}`, CreatorUID, IsPrivate: RoomID % 2 === 0 };
    await put({ record: "room", ...room, CreatedAt: at(created) });
    for (const [i, UID] of others.entries()) {
      await put({ record: "member", RoomID, UID, JoinedAt: at(created + 1 + i) });
    }
  }
  for (let ID = 1; ID <= messages; ID += 1) {
    const RoomID = 1 + random.below(rooms);
    const said = { ID, RoomID, UID: random.pick(members(RoomID)), Type: "message" };
    const Text = `Message ${ID} of chat-server, as long as many are.`;
    await put({ record: "message", ...said, Text, Timestamp: at(2e9 + ID * 10) });
  }
  file.end();
  await once(file, "finish");
}

export interface Held {
  accounts: number;
  messages: number;
  joins: number;
  /** What there must not be: the same thing twice, or a hole in a log. */
  wrong: string[];
}

/** What a stopped Veche has in its files. Reads them line by line: later ones replace earlier ones. */
export async function readHeld(dataDir: string): Promise<Held> {
  const held: Held = { accounts: 0, messages: 0, joins: 0, wrong: [] };
  const emails = new Map<string, string>();
  for await (const { _id, email, state } of documentsOf<AccountDocument>(dataDir, "accounts")) {
    if (state !== "active" || email === undefined) continue;
    const other = emails.get(email);
    if (other !== undefined && other !== _id) held.wrong.push(`two accounts with ${email}`);
    emails.set(email, _id);
  }
  held.accounts = emails.size;
  const ids = new Set<string>();
  const nonces = new Set<string>();
  const lengths = new Map<string, { entries: number; last: number }>();
  for await (const entry of documentsOf<EntryDocument>(dataDir, "messages")) {
    const { _id, conversation, seq, type, nonce_key } = entry;
    if (ids.has(_id) || nonces.has(nonce_key)) held.wrong.push(`twice: ${_id} ${nonce_key}`);
    ids.add(_id);
    nonces.add(nonce_key);
    const length = lengths.get(conversation) ?? { entries: 0, last: 0 };
    lengths.set(conversation, { entries: length.entries + 1, last: Math.max(length.last, seq) });
    if (type === "join") held.joins += 1;
    else held.messages += 1;
  }
  for (const [conversation, { entries, last }] of lengths) {
    if (entries !== last) held.wrong.push(`${conversation} has ${entries} entries up to ${last}`);
  }
  return held;
}

/** What must be there, and nothing else. */
export const expectedOf = ({ users, rooms, messages }: Amounts): Held => ({
  accounts: users,
  messages,
  joins: rooms * MEMBERS,
  wrong: [],
});

/** What is in the file went in as a D. */
async function* documentsOf<D>(dataDir: string, collection: string): AsyncGenerator<D> {
  const lines = createInterface({ input: createReadStream(join(dataDir, `${collection}.db`)) });
  for await (const line of lines) if (line !== "") yield JSON.parse(line);
}

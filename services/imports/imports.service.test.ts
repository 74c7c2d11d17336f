// What services take over from older systems: each thing once, whoever else writes, and whatever a crash left.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { call } from "../../lib/contract.ts";
import { ConversationIdSchema, UserIdSchema } from "../../lib/ids.ts";
import type { WithCollections } from "../../mixins/collection/collection.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type Embedded, startEmbedded } from "../../test/support/embedded.ts";
import { clientOf, type SignedUp, signUp, uniqueName } from "../../test/support/http.ts";
import type { chatCollections } from "../chat/chat.store.ts";
import type { Memberships } from "../rooms/memberships.ts";
import type { roomsCollections } from "../rooms/rooms.store.ts";

let veche: Embedded;
let chat: WithCollections<typeof chatCollections>;
let rooms: WithCollections<typeof roomsCollections> & { memberships: Memberships };
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: "400", LOG_LEVEL: "fatal" });
  chat = veche.broker.getLocalService({ name: "chat", version: 1 }) as unknown as typeof chat;
  rooms = veche.broker.getLocalService({ name: "rooms", version: 1 }) as unknown as typeof rooms;
});
afterAll(() => veche.stop());

const send = clientOf(() => veche.baseUrl);
const system = "older";
const reserve = async (kind: "user" | "room" | "tie", keys: string[]) =>
  (await call(veche.broker, "v1.imports.reserve", { system, kind, keys })).records;

const THEN = Date.UTC(2024, 0, 1);
let names = 0;

async function oldRoom(owner: SignedUp, name = `old ${++names}`) {
  const [{ id = "" } = {}] = await reserve("room", [uniqueName()]);
  return { id, name, owner_id: owner.userId, is_private: false, created_at: THEN };
}

const importRooms = async (...given: Awaited<ReturnType<typeof oldRoom>>[]) =>
  (await call(veche.broker, "v1.rooms.importRooms", { rooms: given })).outcomes;

const said = (conversation: string, sender: SignedUp, key: string, ms = 0) => ({
  ...{ type: "message" as const, conversation, sender_id: sender.userId, key },
  ...{ text: `said ${key}`, sent_at: THEN + ms },
});

const importEntries = async (...entries: ReturnType<typeof said>[]) =>
  (await call(veche.broker, "v1.chat.importEntries", { system, entries })).is_new;

interface Shown {
  seq: number;
  type: string;
  text: string;
  sent_at_unix_ms: number;
}

const read = async (user: SignedUp, room: string) =>
  (await send<{ messages: Shown[] }>("GET", `/v1/rooms/${room}/messages?limit=100&after=0`, user)).body
    .messages;

test("an id is reserved once, also for many who ask at once, and is below all others", async () => {
  const keys = Array.from({ length: 100 }, () => uniqueName());
  const asked = await Promise.all(Array.from({ length: 5 }, () => reserve("user", keys)));
  for (const records of asked) expect(records).toEqual(asked[0]);
  const ids = (asked[0] ?? []).map(({ id }) => id);
  expect(new Set(ids).size).toBe(100);
  expect(ids.toSorted()).toEqual(ids);
  const { userId } = await signUp(veche.baseUrl);
  expect(ids.every((id) => id < userId)).toBe(true);
  expect((await reserve("tie", ["a"]))[0]).toEqual({ id: "", done: false });
});

test("what is done stays known as that, under the id that it has", async () => {
  const [first, second] = [uniqueName(), uniqueName()];
  const [reserved] = await reserve("room", [first, second]);
  const made = [{ key: first }, { key: second, id: "another" }];
  await call(veche.broker, "v1.imports.complete", { system, kind: "room", made });
  const asked = { system, kind: "room" as const, keys: [second, first, "unknown"] };
  expect((await call(veche.broker, "v1.imports.find", asked)).ids).toEqual(["another", reserved?.id, null]);
  expect((await reserve("room", [first]))[0]).toEqual({ id: reserved?.id, done: true });
});

test("messages come into a log that others write to: no hole, no double, and times don't go back", async () => {
  const ann = await signUp(veche.baseUrl);
  const room = await oldRoom(ann);
  await importRooms(room);
  const entries = Array.from({ length: 60 }, (_, i) => said(room.id, ann, `${room.id}-${i}`, i * 1_000));
  const live = Array.from({ length: 30 }, (_, i) =>
    send("POST", `/v1/rooms/${room.id}/messages`, ann, { text: `live ${i}` }),
  );
  const [one, other] = await Promise.all([
    importEntries(...entries.slice(0, 40)),
    importEntries(...entries.slice(20)),
    ...live,
  ]);
  expect([...one.slice(20), ...other.slice(0, 20)].filter((isNew) => isNew).length).toBeGreaterThanOrEqual(
    20,
  );
  expect(await importEntries(...entries)).toEqual(entries.map(() => false));
  const log = await read(ann, room.id);
  expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: 91 }, (_, i) => i + 1));
  expect(new Set(log.map(({ text }) => text)).size).toBe(91);
  const times = log.map(({ sent_at_unix_ms }) => sent_at_unix_ms);
  expect(times.toSorted((a, b) => a - b)).toEqual(times);
});

test("one that stands twice in a batch is appended once, and what was deleted or edited since stays so", async () => {
  const ann = await signUp(veche.baseUrl);
  const room = await oldRoom(ann);
  await importRooms(room);
  const [one, two] = [said(room.id, ann, `${room.id}-1`, 1), said(room.id, ann, `${room.id}-2`, 2)];
  expect(await importEntries(one, one, two)).toEqual([true, false, true]);
  await send("DELETE", `/v1/rooms/${room.id}/messages/2`, ann);
  await send("PATCH", `/v1/rooms/${room.id}/messages/3`, ann, { text: "edited" });
  expect(await importEntries(one, two)).toEqual([false, false]);
  expect((await read(ann, room.id)).map(({ text }) => text)).toEqual(["", "", "edited"]);
});

test("what a deleted account wrote is not written again", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const room = await oldRoom(ann);
  await importRooms(room);
  const message = said(room.id, bob, `${room.id}-1`);
  await importEntries(message);
  expect((await send("DELETE", "/v1/account", bob, { password: bob.password })).status).toBe(202);
  await eventually(
    async () =>
      (await chat.collections.messages.findOne({ sender_id: UserIdSchema.parse(bob.userId) })) === null,
  );
  expect(await importEntries(message)).toEqual([false]);
  expect(await read(ann, room.id)).toHaveLength(2);
});

test("a room that a crash left half made is gone on with; one whose name is taken is refused and leaves nothing", async () => {
  const ann = await signUp(veche.baseUrl);
  const room = await oldRoom(ann);
  const { is_private, created_at } = room;
  const [id, owner_id] = [ConversationIdSchema.parse(room.id), UserIdSchema.parse(room.owner_id)];
  await rooms.collections.rooms.insert({
    ...{ _id: id, owner_id, is_private, created_at },
    unsettled_since: Date.now(),
    wish: { field: "name", value: room.name, attempt: "of the crashed", at: Date.now() },
  });
  await rooms.collections.roomNames.insert({
    ...{ _id: `name:${room.name}`, owner: id, attempt: "of the crashed", open_since: Date.now() },
  });
  expect(await importRooms(room)).toEqual([{ outcome: "made" }]);
  expect(await importRooms(room)).toEqual([{ outcome: "there" }]);
  expect(await read(ann, room.id)).toMatchObject([{ seq: 1, type: "join", sent_at_unix_ms: THEN }]);
  const twin = await oldRoom(ann, room.name.toUpperCase());
  expect(await importRooms(twin)).toEqual([{ outcome: "refused", reason: "this name is taken" }]);
  expect(await rooms.collections.rooms.findById(twin.id)).toBeNull();
});

test("who joined owes a join until it is appended; killed in between, the sweep does it, at its time", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const room = await oldRoom(ann);
  await importRooms(room);
  const members = [{ room_id: room.id, user_id: bob.userId, joined_at: THEN + 5 }];
  const first = await call(veche.broker, "v1.rooms.importMembers", { members });
  expect(first.members).toEqual([{ is_new: true, membership: expect.any(String), joined_at: THEN + 5 }]);
  const again = await call(veche.broker, "v1.rooms.importMembers", { members });
  expect(again.members[0]).toEqual({ ...first.members[0], is_new: false });
  const log = await eventually(async () => {
    const entries = await read(bob, room.id);
    return entries.length === 2 && entries;
  });
  expect(log[1]).toMatchObject({ type: "join", sent_at_unix_ms: THEN + 5 });
});

test("who joined nobody knows when is in since the room began; what is older than the log's end is told to be later", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const room = await oldRoom(ann);
  await importRooms(room);
  const entries = [said(room.id, ann, `${room.id}-1`, 5), said(room.id, ann, `${room.id}-2`, 4)];
  const append = () => call(veche.broker, "v1.chat.importEntries", { system, entries });
  expect(await append()).toEqual({ is_new: [true, true], is_later: [false, true] });
  expect(await append()).toEqual({ is_new: [false, false], is_later: [false, true] });
  const members = [{ room_id: room.id, user_id: bob.userId }];
  const answer = await call(veche.broker, "v1.rooms.importMembers", { members });
  expect(answer.members).toMatchObject([{ is_new: true, joined_at: THEN }]);
  // The sweep appends its join, which is of the log's end.
  const log = await eventually(async () => {
    const kept = await read(bob, room.id);
    return kept.length === 4 && kept;
  });
  expect(log.map(({ sent_at_unix_ms }) => sent_at_unix_ms - THEN)).toEqual([0, 5, 5, 5]);
});

test("friends, requests and follows come once, with their times; a block stands", async () => {
  const one = () => signUp(veche.baseUrl);
  const [ann, bob, cid, dan] = await Promise.all([one(), one(), one(), one()]);
  await send("POST", `/v1/blocks/${ann.userId}`, dan);
  const tie = (kind: "friends" | "request" | "follow", from: SignedUp, to: SignedUp) => ({
    ...{ tie: kind, from: from.userId, to: to.userId, since: THEN },
  });
  const ties = [
    tie("friends", ann, bob),
    tie("request", cid, ann),
    tie("follow", ann, cid),
    tie("friends", ann, dan),
  ];
  const take = async () => (await call(veche.broker, "v1.social.importTies", { ties })).outcomes;
  const refused = { outcome: "refused", reason: "one of the two has blocked the other" };
  expect(await take()).toEqual([...Array(3).fill({ outcome: "made" }), refused]);
  expect(await take()).toEqual([...Array(3).fill({ outcome: "there" }), refused]);
  expect((await send("GET", "/v1/friends", bob)).body).toMatchObject({ friend_user_ids: [ann.userId] });
  const { body } = await send<{ requests: { request_id: string }[] }>(
    "GET",
    "/v1/friends/requests?direction=incoming",
    ann,
  );
  expect(body.requests).toMatchObject([
    { from_user_id: cid.userId, status: "PENDING", created_at_unix_ms: THEN },
  ]);
  expect((await send("GET", `/v1/users/${cid.userId}/followers`, bob)).body).toMatchObject({
    user_ids: [ann.userId],
  });
  // It is a request like any other.
  const accepted = await send("POST", `/v1/friends/requests/${body.requests[0]?.request_id}/accept`, ann);
  expect(accepted).toMatchObject({ status: 200, body: { status: "ACCEPTED" } });
});

test("two who have a chat already keep it", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const { chat_id } = (await send("POST", "/v1/chats", ann, { participant_id: bob.userId })).body;
  const [{ id = "" } = {}] = await reserve("user", [uniqueName()]);
  const user_ids: [string, string] = [bob.userId, ann.userId];
  const chats = [{ id, user_ids, created_at: THEN }];
  const answer = await call(veche.broker, "v1.chat.importChats", { chats });
  expect(answer.chats).toEqual([{ id: chat_id, is_new: false }]);
});

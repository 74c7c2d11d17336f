import { beforeEach, expect, test } from "@jest/globals";
import { type ConversationId, newRoomId, newUserId, type UserId } from "../../lib/ids.ts";
import { type Collection, type Document, openCollection } from "../../mixins/collection/collection.ts";
import { Activity } from "./activity.ts";
import { ActivitySweep } from "./activity-sweep.ts";
import { chatCollections } from "./chat.store.ts";
import { ChatList } from "./chat-list.ts";
import { DirectChats } from "./direct-chats.ts";
import { deleteMessage, editMessage } from "./editing.ts";
import { MessageLog } from "./message-log.ts";
import { ReadMarkers } from "./read-markers.ts";

const nobody = async () => new Map();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const ann = newUserId();
let calls: string[];
let made: number;

/** Notes what is asked of it. */
const counted = <D extends Document>(collection: Collection<D>): Collection<D> =>
  new Proxy(collection, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        calls.push(String(property));
        return Reflect.apply(member, target, args);
      };
    },
  });

async function open() {
  const options = { checkQueries: true };
  const [chats, rooms, messages, markers] = await Promise.all([
    openCollection(chatCollections.chats, options, silent),
    openCollection(chatCollections.rooms, options, silent),
    openCollection(chatCollections.messages, options, silent),
    openCollection(chatCollections.markers, options, silent),
  ]);
  return {
    chats: counted(chats),
    rooms: counted(rooms),
    messages: counted(messages),
    markers: counted(markers),
  };
}

let collections: Awaited<ReturnType<typeof open>>;
let chats: DirectChats;
let markers: ReadMarkers;
let activity: Activity;
let list: ChatList;
let log: MessageLog;

beforeEach(async () => {
  calls = [];
  made = 0;
  collections = await open();
  chats = new DirectChats(collections.chats);
  markers = new ReadMarkers(collections.markers);
  activity = new Activity(collections, markers);
  list = new ChatList(collections);
  log = new MessageLog(collections.messages, { publish: () => {}, refusals: nobody });
});

const chatWith = async (user: UserId = newUserId()) => (await chats.create(ann, user, async () => true))._id;
const keep = (id: ConversationId, sender: UserId, text: string) =>
  log.append(id, { type: "message", sender, text, nonce: `n-${++made}` });
const say = async (id: ConversationId, sender: UserId, text: string) =>
  activity.note(await keep(id, sender, text));
const rows = async (user: UserId, limit = 20) =>
  (await list.page(user, { limit })).chats.map(({ id, last_message, unread_count }) => [
    id,
    last_message?.text ?? null,
    unread_count,
  ]);
/** So that no two activities are of the same millisecond. */
const nextMillisecond = async () => {
  const now = Date.now();
  while (Date.now() === now) await new Promise(setImmediate);
};

test("has the newest activity first, the last message as it now is, and what is unread", async () => {
  const bob = newUserId();
  const first = await chatWith(bob);
  await nextMillisecond();
  const second = await chatWith();
  expect(await rows(ann)).toEqual([
    [second, null, 0],
    [first, null, 0],
  ]);
  await nextMillisecond();
  await say(first, bob, "one");
  await say(first, bob, "two");
  expect(await rows(ann)).toEqual([
    [first, "two", 2],
    [second, null, 0],
  ]);
  await markers.markRead(log, first, ann, { seq: 1, tail: await log.readTail(first) });
  await editMessage(log, first, { sender: bob, nonce: "e", target: 2, text: "TWO" });
  expect((await rows(ann))[0]).toEqual([first, "TWO", 1]);
  await nextMillisecond();
  await say(second, ann, "three");
  await deleteMessage(log, first, { sender: bob, nonce: "d", target: 2 });
  expect(await rows(ann)).toEqual([
    [second, "three", 0],
    [first, "", 1],
  ]);
  expect(await rows(bob)).toEqual([[first, "", 0]]);
  expect(await rows(newUserId())).toEqual([]);
});

test("is read by cursor, each chat once, in as many reads for a long page as for a short one", async () => {
  const ids: ConversationId[] = [];
  for (let i = 0; i < 25; i++) {
    const id = await chatWith();
    await say(id, ann, `number ${i}`);
    ids.unshift(id);
    await nextMillisecond();
  }
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    calls = [];
    const page = await list.page(ann, { limit: 10, ...(cursor ? { cursor } : {}) });
    expect(calls).toEqual(["find", "findByIds", "findByIds"]);
    seen.push(...page.chats.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor);
  expect(seen).toEqual(ids);
  const { next_cursor } = await list.page(ann, { limit: 1 });
  await expect(list.page(newUserId(), { limit: 1, cursor: String(next_cursor) })).rejects.toMatchObject({
    type: "INVALID_ARGUMENT",
  });
});

test("messages that come at once move a chat in few writes", async () => {
  const id = await chatWith();
  calls = [];
  await Promise.all(Array.from({ length: 200 }, (_, i) => say(id, ann, `number ${i}`)));
  expect(calls.filter((name) => name === "updateOne").length).toBeLessThan(10);
  expect(await rows(ann)).toEqual([[id, expect.any(String), 0]]);
});

test("what a crash left behind is made up for by who sees the tail", async () => {
  const bob = newUserId();
  const id = await chatWith(bob);
  await nextMillisecond();
  const other = await chatWith();
  await nextMillisecond();
  await keep(id, bob, "one");
  expect((await rows(ann)).map(([chat]) => chat)).toEqual([other, id]);
  const again = new Activity(collections, markers);
  await again.catchUp(log, id, await log.readTail(id));
  expect(await rows(ann)).toEqual([
    [id, "one", 1],
    [other, null, 0],
  ]);
  expect(await rows(bob)).toEqual([[id, "one", 0]]);
  calls = [];
  await again.catchUp(log, id, { seq: 1, messages: 1, sent_at: 0 });
  expect(calls).toEqual([]);
});

test("however many see at once what a crash left behind, it is made up for once", async () => {
  const bob = newUserId();
  const id = await chatWith(bob);
  await keep(id, bob, "one");
  const again = new Activity(collections, markers);
  const tail = await log.readTail(id);
  calls = [];
  await Promise.all(Array.from({ length: 50 }, () => again.catchUp(log, id, tail)));
  expect(calls.filter((name) => name === "page")).toHaveLength(1);
  expect(await rows(ann)).toEqual([[id, "one", 1]]);
});

test("of messages that a crash left behind each moves its sender's marker", async () => {
  const bob = newUserId();
  const id = await chatWith(bob);
  await keep(id, ann, "one");
  await keep(id, bob, "two");
  await new Activity(collections, markers).catchUp(log, id, await log.readTail(id));
  expect([await rows(ann), await rows(bob)]).toEqual([[[id, "two", 1]], [[id, "two", 0]]]);
});

test("what a crash left behind, and nobody has looked at since, is made up for by the sweep", async () => {
  const bob = newUserId();
  const chat = await chatWith(bob);
  const room = newRoomId();
  await activity.open(room);
  await log.append(room, { type: "join", sender: ann, nonce: "join:1" });
  for (const id of [chat, room]) await keep(id, bob, "one");
  const sweep = new ActivitySweep(collections, new Activity(collections, markers), log);
  await sweep.run();
  expect(await rows(ann)).toEqual([[chat, "one", 1]]);
  expect(await list.ofRooms(ann, [room])).toMatchObject([{ last_message: { text: "one" }, unread_count: 1 }]);
  calls = [];
  await sweep.run();
  expect(calls).toEqual(["page", "findByIds", "page", "findByIds"]);
});

test("the sweep comes to every conversation, a portion a run, round and round", async () => {
  const bob = newUserId();
  const chats = [];
  for (let i = 0; i < 600; i++) chats.push(await chatWith());
  const last = await chatWith(bob);
  const sweep = new ActivitySweep(collections, new Activity(collections, markers), log);
  for (const round of ["one", "two"]) {
    await keep(last, bob, round);
    await sweep.run();
    await sweep.run();
    expect(await rows(bob)).toEqual([[last, round, 0]]);
  }
});

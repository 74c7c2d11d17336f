import { beforeEach, expect, test } from "@jest/globals";
import { type ConversationId, newDirectChatId, newRoomId, newUserId } from "../../lib/ids.ts";
import { openCollection } from "../../mixins/collection/collection.ts";
import { hold } from "../../test/support/held.ts";
import { Access } from "./access.ts";
import { chatCollections } from "./chat.store.ts";
import { type ChatDocuments, forgetUser } from "./departures.ts";
import { DirectChats } from "./direct-chats.ts";
import { MessageLog } from "./message-log.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const none = () => {};
const options = { checkQueries: true };

let documents: ChatDocuments;
let log: MessageLog;
beforeEach(async () => {
  documents = {
    chats: await openCollection(chatCollections.chats, options, silent),
    rooms: await openCollection(chatCollections.rooms, options, silent),
    messages: await openCollection(chatCollections.messages, options, silent),
    markers: await openCollection(chatCollections.markers, options, silent),
  };
  log = new MessageLog(documents.messages, { publish: none, refusals: async () => new Map() });
});

const [ann, bob] = [newUserId(), newUserId()];
async function chatOfBoth(): Promise<ConversationId> {
  const _id = newDirectChatId();
  await documents.chats.insert({
    ...{ _id, pair: `${ann}.${bob}`, user_ids: [ann, bob], created_at: 1, activity: "1" },
    ...{ last_seq: 1, messages: 1 },
  });
  await log.append(_id, { type: "message", sender: ann, text: "private", nonce: "1" });
  return _id;
}

test("a crash after the last one has left, before the log is dropped, leaves nothing for ever", async () => {
  const id = await chatOfBoth();
  await forgetUser(documents, ann, none);
  const messages = new Proxy(documents.messages, {
    get(target, property) {
      if (property === "deleteMany") return () => Promise.reject(new Error("the process has died"));
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  await expect(forgetUser({ ...documents, messages }, bob, none)).rejects.toThrow("died");
  await forgetUser(documents, bob, none);
  expect(await log.find(id, 1)).toBeNull();
  expect(await documents.chats.findById(id)).toBeNull();
});

test("both at once leave nothing", async () => {
  const id = await chatOfBoth();
  await Promise.all([forgetUser(documents, ann, none), forgetUser(documents, bob, none)]);
  expect(await documents.chats.findById(id)).toBeNull();
  expect(await log.find(id, 1)).toBeNull();
});

test("once an account has gone nobody writes to it, also not by who read the chat while it went", async () => {
  const id = await chatOfBoth();
  const chats = new DirectChats(documents.chats);
  const onTerms = { isBlocked: async () => false, askRooms: () => Promise.reject(new Error("no room")) };
  const [here, elsewhere] = [
    new Access(chats, onTerms),
    new Access(new DirectChats(documents.chats), onTerms),
  ];
  expect([...(await elsewhere.refusals(id, [ann]))]).toEqual([]);
  const gate = hold(documents.chats, "updateOne");
  const going = forgetUser(documents, bob, (chat) => chats.forget(chat));
  await gate.reached;
  await chats.get(id, ann);
  gate.release();
  await going;
  for (const access of [here, elsewhere]) {
    const refusals = await access.refusals(id, [ann]);
    expect(refusals.get(ann)).toMatchObject({ type: "FAILED_PRECONDITION" });
  }
});

test("that somebody left is in the log once, also if it is appended again after its user was forgotten", async () => {
  const id = newRoomId();
  const leave = () => log.append(id, { type: "leave", sender: ann, nonce: "leave:1" });
  await leave();
  await forgetUser(documents, ann, none);
  await leave();
  expect(await log.readForward(id, 0, 10)).toMatchObject([{ seq: 1, type: "leave", sender_id: null }]);
});

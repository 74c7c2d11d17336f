// What happens to a room while something else is half-way through.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Service } from "moleculer";
import { type Caller, call } from "../../lib/contract.ts";
import type { ConversationId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import type { ChatBroker } from "../../test/support/chat.ts";
import { Socket, somebody, startLive } from "../../test/support/gateway.ts";
import { hold } from "../../test/support/held.ts";
import { uniqueName } from "../../test/support/http.ts";
import { leaveAll } from "./departures.ts";
import type { Memberships } from "./memberships.ts";
import type { Rooms } from "./rooms.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive();
});
afterAll(() => chat.broker.stop());

const as = (user: Caller) => ({ meta: { user } });
const ids = (id: string, { id: user_id }: Caller) => ({ id, user_id });
const make = async (owner: Caller, is_private = true) =>
  (await call(chat.broker, "v1.rooms.createRoom", { name: uniqueName("r"), is_private }, as(owner)))
    .id as ConversationId;
const join = (user: Caller, id: string) => call(chat.broker, "v1.rooms.joinRoom", { id }, as(user));
const say = (user: Caller, id: string, text: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text }, as(user));
const invite = (by: Caller, id: string, user: Caller) => {
  chat.users.add(user.id);
  return call(chat.broker, "v1.rooms.inviteMember", ids(id, user), as(by));
};
const remove = (by: Caller, id: string, user: Caller) =>
  call(chat.broker, "v1.rooms.removeMember", ids(id, user), as(by));
const setRole = (by: Caller, id: string, user: Caller, role: "owner" | "admin") =>
  call(chat.broker, "v1.rooms.changeRole", { ...ids(id, user), role }, as(by));
const history = (user: Caller, id: string) => call(chat.broker, "v1.chat.listMessages", { id }, as(user));
const rooms = () =>
  chat.broker.getLocalService({ name: "rooms", version: 1 }) as Service as unknown as {
    rooms: Rooms;
    memberships: Memberships;
    collections: { members: object };
  };
const chatService = () =>
  chat.broker.getLocalService({ name: "chat", version: 1 }) as unknown as {
    log: { append(): Promise<unknown> };
    list: object;
  };
const settled = (attempt: Promise<unknown>) => attempt.catch(() => {});

test("a member of a private room who joins it once more while being removed is out", async () => {
  const [ann, eve] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, eve);
  const gate = hold(rooms().memberships, "settle");
  const joining = join(eve, id);
  await gate.reached;
  await remove(ann, id, eve);
  gate.release();
  await settled(joining);
  await expect(history(eve, id)).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("who joins an open room while it is closed to others does not get in", async () => {
  const [ann, eve] = [somebody(), somebody()];
  const id = await make(ann, false);
  const gate = hold(rooms().memberships, "enter");
  const joining = join(eve, id);
  await gate.reached;
  await call(chat.broker, "v1.rooms.updateRoom", { id, is_private: true }, as(ann));
  await say(ann, id, "now that we are among ourselves");
  gate.release();
  await expect(joining).rejects.toMatchObject({ type: "NOT_FOUND" });
  await expect(history(eve, id)).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test.each([
  ["the tail", "readTail", {}],
  ["a page that is read forward", "readShownForward", { after: 0 }],
] as const)(
  "who was removed while %s was being read is shown nothing of what came afterwards",
  async (_name, method, page) => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await make(ann);
    await invite(ann, id, bob);
    const gate = hold(chatService().log, method);
    const reading = call(chat.broker, "v1.chat.listMessages", { id, ...page }, as(bob));
    await gate.reached;
    await remove(ann, id, bob);
    await say(ann, id, "among ourselves");
    gate.release();
    await expect(reading).rejects.toMatchObject({ type: "NOT_FOUND" });
  },
);

test("who was removed while their rooms were being listed is shown nothing of what came afterwards", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, bob);
  const gate = hold(chatService().list, "ofRooms");
  const listing = call(chat.broker, "v1.rooms.listRooms", {}, as(bob));
  await gate.reached;
  await remove(ann, id, bob);
  await say(ann, id, "among ourselves");
  gate.release();
  expect((await listing).rooms).toEqual([]);
});

test("an admin who is removed brings nobody in any more, not even themselves", async () => {
  const [ann, eve, friend] = [somebody(), somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, eve);
  await setRole(ann, id, eve, "admin");
  expect(await invite(eve, id, eve)).toMatchObject({ user_id: eve.id, role: "admin" });
  const gate = hold(rooms().memberships, "enter");
  const inviting = invite(eve, id, friend);
  await gate.reached;
  await remove(ann, id, eve);
  gate.release();
  await expect(inviting).rejects.toMatchObject({ type: "NOT_FOUND" });
  for (const user of [eve, friend]) {
    await expect(history(user, id)).rejects.toMatchObject({ type: "NOT_FOUND" });
  }
});

test("who decided to leave before the room was handed over to them does not leave it without an owner", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, bob);
  const gate = hold(rooms().memberships, "remove");
  const leaving = call(chat.broker, "v1.rooms.leaveRoom", { id }, as(bob));
  await gate.reached;
  await setRole(ann, id, bob, "owner");
  gate.release();
  await settled(leaving);
  const { owner_id } = await call(chat.broker, "v1.rooms.getRoom", { id }, as(ann));
  const { members } = await call(chat.broker, "v1.rooms.listMembers", { id }, as(ann));
  expect(members.map(({ user_id }) => user_id)).toContain(owner_id);
});

test("a removal whose mark is slow is not answered before what was allowed until then has run out", async () => {
  const [ann, eve] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, eve);
  const gate = hold(rooms().collections.members, "findOneAndUpdate");
  const removing = remove(ann, id, eve);
  await gate.reached;
  const since = performance.now();
  // As long as a removal takes; then Eve is let in once more, which is remembered.
  await eventually(() => performance.now() - since > 650);
  await history(eve, id);
  gate.release();
  await removing;
  await expect(history(eve, id)).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("a room that is made private while a rename of it is under way stays private", async () => {
  const ann = somebody();
  const id = await make(ann, false);
  const gate = hold(rooms().rooms, "update");
  const renaming = call(chat.broker, "v1.rooms.updateRoom", { id, name: uniqueName("n") }, as(ann));
  await gate.reached;
  await call(chat.broker, "v1.rooms.updateRoom", { id, is_private: true }, as(ann));
  gate.release();
  await renaming;
  await expect(call(chat.broker, "v1.rooms.getRoom", { id }, as(somebody()))).rejects.toMatchObject({
    type: "NOT_FOUND",
  });
});

test("an account that goes does not take with it a room that is another's by then", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await make(ann);
  const gate = hold(rooms().rooms, "delete");
  // Nobody else is in it.
  const going = leaveAll(rooms().rooms, rooms().memberships, ann.id);
  await gate.reached;
  await invite(ann, id, bob);
  await say(bob, id, "kept");
  await setRole(ann, id, bob, "owner");
  gate.release();
  await going;
  expect((await history(bob, id)).messages).toMatchObject([{ type: "leave" }, { text: "kept" }, {}, {}]);
});

test("a subscription that reads the log of a room which is deleted meanwhile ends", async () => {
  const ann = somebody();
  const id = await make(ann);
  for (let i = 0; i < 5; i++) await say(ann, id, `number ${i}`);
  const socket = await Socket.signedIn(chat.broker, ann);
  const gate = hold(chatService().log, "readForward");
  socket.push({ op: "subscribe", conversation: id, after: 0 });
  await gate.reached;
  const gone = Socket.signedIn(chat.broker, ann);
  await call(chat.broker, "v1.rooms.deleteRoom", { id }, as(ann));
  await gone;
  gate.release();
  expect(await socket.got("unsubscribed")).toEqual({ op: "unsubscribed", conversation: id, ended: true });
});

test("a room is made also while chat is away: that its owner has joined follows", async () => {
  const ann = somebody();
  const log = chatService().log;
  const { append } = log;
  log.append = () => Promise.reject(new Error("away"));
  const id = await make(ann).finally(() => {
    log.append = append;
  });
  await say(ann, id, "hello");
  await join(ann, id);
  expect((await history(ann, id)).messages.map(({ type }) => type)).toEqual(["join", "message"]);
});

test("who subscribes while being removed is refused, however late the log answers", async () => {
  const [ann, eve] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, eve);
  const gate = hold(chatService().log, "readTail");
  const subscribing = call(chat.broker, "v1.chat.authorizeSubscription", { conversation: id }, as(eve));
  const refused = expect(subscribing).rejects.toMatchObject({ type: "NOT_FOUND" });
  await gate.reached;
  await remove(ann, id, eve);
  gate.release();
  await refused;
});

test("from the moment of the mark a leaving member is none, while their leave is not in the log yet", async () => {
  const [ann, eve] = [somebody(), somebody()];
  const id = await make(ann, false);
  await join(eve, id);
  const gate = hold(chatService().log, "append");
  const removing = remove(ann, id, eve);
  await gate.reached;
  await expect(say(eve, id, "still here")).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
  const subscribing = call(chat.broker, "v1.chat.authorizeSubscription", { conversation: id }, as(eve));
  await expect(subscribing).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
  const { members } = await call(chat.broker, "v1.rooms.listMembers", { id }, as(ann));
  expect(members.map(({ user_id }) => user_id)).toEqual([ann.id]);
  gate.release();
  await removing;
});

test("of two hand-overs at once one is made, and the owner is a member", async () => {
  const [ann, bob, cat] = [somebody(), somebody(), somebody()];
  const id = await make(ann);
  for (const user of [bob, cat]) await invite(ann, id, user);
  const gates = [hold(rooms().rooms, "handOver")];
  const first = setRole(ann, id, bob, "owner");
  await gates[0]?.reached;
  const second = setRole(ann, id, cat, "owner");
  await second;
  gates[0]?.release();
  await expect(first).rejects.toMatchObject({ type: "FAILED_PRECONDITION" });
  expect(await call(chat.broker, "v1.rooms.getRoom", { id }, as(ann))).toMatchObject({ owner_id: cat.id });
});

test("who got a room can pass it on and leave at once", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await make(ann);
  await invite(ann, id, bob);
  await setRole(ann, id, bob, "owner");
  await setRole(bob, id, ann, "owner");
  await call(chat.broker, "v1.rooms.leaveRoom", { id }, as(bob));
  await expect(history(bob, id)).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("an account leaves all its rooms, however many", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await make(ann, false);
  for (let i = 0; i < 120; i++) await join(bob, await make(ann, false));
  await join(bob, id);
  await leaveAll(rooms().rooms, rooms().memberships, bob.id);
  expect((await call(chat.broker, "v1.rooms.listRooms", {}, as(bob))).rooms).toEqual([]);
  expect(await rooms().memberships.anyOf(bob.id)).toEqual([]);
});

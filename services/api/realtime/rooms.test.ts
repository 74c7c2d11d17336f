// Rooms, live: who comes and who goes, and what they still get.
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Service } from "moleculer";
import { type Caller, call } from "../../../lib/contract.ts";
import type { WithBus } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import type { ChatBroker } from "../../../test/support/chat.ts";
import { Socket, somebody, startLive } from "../../../test/support/gateway.ts";
import { uniqueName } from "../../../test/support/http.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive();
});
afterAll(() => chat.broker.stop());

const as = (user: Caller) => ({ meta: { user } });
const say = (user: Caller, id: string, text: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text }, as(user));
const join = (user: Caller, id: string) => call(chat.broker, "v1.rooms.joinRoom", { id }, as(user));
const leave = (user: Caller, id: string) => call(chat.broker, "v1.rooms.leaveRoom", { id }, as(user));
const remove = (by: Caller, id: string, { id: user_id }: Caller) =>
  call(chat.broker, "v1.rooms.removeMember", { id, user_id }, as(by));

/** A room of Ann's with Bob in it: seqs 1 and 2. */
async function roomOf(ann: Caller, bob: Caller, is_private = false): Promise<string> {
  const { id } = await call(
    chat.broker,
    "v1.rooms.createRoom",
    { name: uniqueName("r"), is_private: false },
    as(ann),
  );
  await join(bob, id);
  if (is_private) await call(chat.broker, "v1.rooms.updateRoom", { id, is_private }, as(ann));
  return id;
}

async function listening(user: Caller, conversation: string, after?: number): Promise<Socket> {
  const socket = await Socket.signedIn(chat.broker, user);
  socket.push({ op: "subscribe", conversation, after });
  await socket.got("subscribed");
  return socket;
}

/** What chat publishes meanwhile is lost. */
async function withoutBus(work: (lost: string[]) => Promise<unknown>): Promise<void> {
  const { bus } = chat.broker.getLocalService({ name: "chat", version: 1 }) as Service as WithBus;
  const { publish } = bus;
  const lost: string[] = [];
  bus.publish = (_subject, message) => void lost.push(message);
  try {
    await work(lost);
  } finally {
    bus.publish = publish;
  }
}

const shown = (socket: Socket) =>
  socket.all("message").map(({ seq, type, text }) => `${seq} ${type === "message" ? text : type}`);

test("coming and going is seen by all who are in", async () => {
  const [ann, bob, cat] = [somebody(), somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const anns = await listening(ann, id);
  await join(cat, id);
  await leave(cat, id);
  await anns.got("message", 2);
  expect(anns.all("message")).toMatchObject([
    { seq: 3, type: "join", sender_id: cat.id, text: "" },
    { seq: 4, type: "leave", sender_id: cat.id, text: "" },
  ]);
});

test("who was removed gets that, and nothing after it, however much is sent meanwhile", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const [anns, bobs] = [await listening(ann, id), await listening(bob, id)];
  let sending = true;
  const talk = (async () => {
    // In memory nothing waits for the event loop: others need a turn of it.
    for (let i = 0; sending; i++) await say(ann, id, `number ${i}`).then(() => setImmediate());
  })();
  await remove(ann, id, bob).finally(() => {
    sending = false;
  });
  await talk;
  const removedAt = (await say(ann, id, "among ourselves")).seq;
  const last = await say(ann, id, "the end");
  expect(await bobs.got("unsubscribed")).toEqual({ op: "unsubscribed", conversation: id, ended: true });
  const seen = bobs.all("message");
  expect(seen.at(-1)).toMatchObject({ type: "leave", sender_id: bob.id });
  expect(Number(seen.at(-1)?.seq)).toBeLessThan(removedAt);
  await anns.got("message", last.seq - 2);
  expect(bobs.all("message")).toHaveLength(seen.length);
  // Nor can they be heard any more.
  bobs.push({ op: "typing", conversation: id });
  expect(await bobs.got("error")).toMatchObject({ code: "FAILED_PRECONDITION" });
  bobs.push({ op: "send", conversation: id, text: "hey", nonce: "n" });
  expect(await bobs.got("error", 2)).toMatchObject({ code: "PERMISSION_DENIED", nonce: "n" });
  bobs.push({ op: "subscribe", conversation: id, after: 0 });
  expect(await bobs.got("error", 3)).toMatchObject({ code: "PERMISSION_DENIED" });
});

test("that somebody was removed ends their reading also where the bus has lost it", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const [anns, bobs] = [await listening(ann, id), await listening(bob, id)];
  await withoutBus(() => remove(ann, id, bob));
  await say(ann, id, "among ourselves");
  await anns.got("message", 2);
  await bobs.got("unsubscribed");
  expect(shown(bobs)).toEqual(["3 leave"]);
});

test("who was removed is not told who reads and types, also where the bus has lost that they were", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const [anns, bobs] = [await listening(ann, id), await listening(bob, id)];
  await withoutBus(() => remove(ann, id, bob));
  anns.push({ op: "typing", conversation: id });
  anns.push({ op: "read", conversation: id, seq: 3 });
  await bobs.got("unsubscribed");
  expect([...bobs.all("typing"), ...bobs.all("read")]).toEqual([]);
});

test("that a room is gone is found also where the bus has lost it", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const bobs = await listening(bob, id);
  await withoutBus(async (lost) => {
    await call(chat.broker, "v1.rooms.deleteRoom", { id }, as(ann));
    await eventually(() => lost.some((message) => message.includes('"closed"')));
  });
  chat.broker.localBus.emit("$node.updated", { node: { services: [{ fullName: "v1.chat" }] } });
  expect(await bobs.got("unsubscribed")).toMatchObject({ conversation: id, ended: true });
});

test("who has come back reads on over an earlier stay's end", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  await leave(bob, id);
  await say(ann, id, "without bob");
  await join(bob, id);
  const bobs = await listening(bob, id, 0);
  await say(ann, id, "with bob");
  await bobs.got("message", 6);
  expect(shown(bobs)).toEqual(["1 join", "2 join", "3 leave", "4 without bob", "5 join", "6 with bob"]);
  expect(bobs.all("unsubscribed")).toEqual([]);
});

test("a stranger can't subscribe to a room; of a private one they don't learn that it is there", async () => {
  const [ann, bob, eve] = [somebody(), somebody(), somebody()];
  const [open, closed] = [await roomOf(ann, bob), await roomOf(ann, bob, true)];
  const eves = await Socket.signedIn(chat.broker, eve);
  for (const conversation of [open, closed]) {
    eves.push({ op: "subscribe", conversation });
    eves.push({ op: "send", conversation, text: "hey", nonce: conversation });
    eves.push({ op: "read", conversation, seq: 1 });
    eves.push({ op: "typing", conversation });
  }
  await eves.got("error", 8);
  const codes = (conversation: string) =>
    eves
      .all("error")
      .filter((frame) => frame.conversation === conversation)
      .map(({ code }) => code)
      .sort();
  expect(codes(open)).toEqual(["FAILED_PRECONDITION", ...Array(3).fill("PERMISSION_DENIED")]);
  expect(codes(closed)).toEqual(["FAILED_PRECONDITION", ...Array(3).fill("NOT_FOUND")]);
});

test("a room that is deleted ends all reading of it", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await roomOf(ann, bob);
  const sockets = [await listening(ann, id), await listening(bob, id)];
  await call(chat.broker, "v1.rooms.deleteRoom", { id }, as(ann));
  for (const socket of sockets) {
    expect(await socket.got("unsubscribed")).toEqual({ op: "unsubscribed", conversation: id, ended: true });
  }
});

test("who is invited or removed by another is told so, on all devices", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const { id } = await call(
    chat.broker,
    "v1.rooms.createRoom",
    { name: uniqueName("r"), is_private: true },
    as(ann),
  );
  chat.users.add(bob.id);
  const bobs = [await Socket.signedIn(chat.broker, bob), await Socket.signedIn(chat.broker, bob)];
  const invitation = { id, user_id: bob.id };
  for (let i = 0; i < 2; i++) await call(chat.broker, "v1.rooms.inviteMember", invitation, as(ann));
  await remove(ann, id, bob);
  for (const socket of bobs) {
    expect(await socket.got("room_left")).toEqual({ op: "room_left", room_id: id });
    expect(socket.all("room_joined")).toMatchObject([{ room: { id, is_private: true, owner_id: ann.id } }]);
  }
});

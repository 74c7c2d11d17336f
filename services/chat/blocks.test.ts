// Between two of whom one has blocked the other nothing is written.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Caller, call } from "../../lib/contract.ts";
import { newSessionId, newUserId } from "../../lib/ids.ts";
import type { ChatBroker } from "../../test/support/chat.ts";
import { Socket, startLive } from "../../test/support/gateway.ts";
import { uniqueName } from "../../test/support/http.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive();
});
afterAll(() => chat.broker.stop());

const somebody = (): Caller => {
  const user: Caller = { id: newUserId(), sessionId: newSessionId(), role: "user" };
  chat.users.add(user.id);
  return user;
};
const as = (user: Caller) => ({ meta: { user } });
const open = async (by: Caller, { id: participant_id }: Caller) =>
  (await call(chat.broker, "v1.chat.createDirectChat", { participant_id }, as(by))).chat_id;
const send = (user: Caller, id: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text: "hello" }, as(user));
const block = (by: Caller, { id: user_id }: Caller) =>
  call(chat.broker, "v1.social.block", { user_id }, as(by));
const unblock = (by: Caller, { id: user_id }: Caller) =>
  call(chat.broker, "v1.social.unblock", { user_id }, as(by));

test("neither of them opens a chat: who was blocked finds nobody, who has blocked is told so", async () => {
  const [ann, bob] = [somebody(), somebody()];
  await block(ann, bob);
  await expect(open(bob, ann)).rejects.toMatchObject({ type: "NOT_FOUND" });
  await expect(open(ann, bob)).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
  await unblock(ann, bob);
  expect(await open(bob, ann)).toEqual(expect.any(String));
});

test("neither of them writes into the chat they have, edits or deletes; both can read it", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await open(ann, bob);
  const { seq } = await send(bob, id);
  await block(ann, bob);
  for (const user of [ann, bob]) {
    await expect(send(user, id)).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
    const { messages } = await call(chat.broker, "v1.chat.listMessages", { id }, as(user));
    expect(messages).toMatchObject([{ seq, text: "hello" }]);
  }
  const edit = call(chat.broker, "v1.chat.editMessage", { id, seq, text: "insults" }, as(bob));
  await expect(edit).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
  const erase = call(chat.broker, "v1.chat.deleteMessage", { id, seq }, as(bob));
  await expect(erase).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
  await unblock(ann, bob);
  expect(await send(bob, id)).toMatchObject({ seq: seq + 1 });
});

test("neither of them brings the other into a room", async () => {
  const [ann, bob] = [somebody(), somebody()];
  await block(ann, bob);
  const roomOf = async (owner: Caller) =>
    (await call(chat.broker, "v1.rooms.createRoom", { name: uniqueName("r") }, as(owner))).id;
  const invite = (id: string, by: Caller, { id: user_id }: Caller) =>
    call(chat.broker, "v1.rooms.inviteMember", { id, user_id }, as(by));
  await expect(invite(await roomOf(bob), bob, ann)).rejects.toMatchObject({ type: "NOT_FOUND" });
  await expect(invite(await roomOf(ann), ann, bob)).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
});

test("neither of them is told that the other types or has read", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await open(ann, bob);
  const { seq } = await send(ann, id);
  const [anns, bobs] = await Promise.all(
    [ann, bob].map(async (user) => {
      const socket = await Socket.signedIn(chat.broker, user);
      socket.push({ op: "subscribe", conversation: id });
      await socket.got("subscribed");
      return socket;
    }),
  );
  bobs?.push({ op: "typing", conversation: id });
  await anns?.got("typing");
  await block(ann, bob);
  bobs?.push({ op: "typing", conversation: id });
  bobs?.push({ op: "read", conversation: id, seq });
  // Refused behind those, in the same order.
  bobs?.push({ op: "send", conversation: id, text: "hello", nonce: "n" });
  await bobs?.got("error");
  expect(anns?.all("typing")).toHaveLength(1);
  expect(anns?.all("read")).toEqual([]);
});

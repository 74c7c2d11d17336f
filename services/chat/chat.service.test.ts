import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Caller, call } from "../../lib/contract.ts";
import { type ConversationId, newDirectChatId, newSessionId, newUserId } from "../../lib/ids.ts";
import { type ChatBroker, startChat } from "../../test/support/chat.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startChat();
});
afterAll(() => chat.broker.stop());

const somebody = (): Caller => {
  const user: Caller = { id: newUserId(), sessionId: newSessionId(), role: "user" };
  chat.users.add(user.id);
  return user;
};
const as = (user: Caller) => ({ meta: { user } });

async function chatOf(ann: Caller, bob: Caller): Promise<ConversationId> {
  const { chat_id } = await call(
    chat.broker,
    "v1.chat.createDirectChat",
    { participant_id: bob.id },
    as(ann),
  );
  return chat_id as ConversationId;
}

const send = (user: Caller, id: string, text: string, nonce?: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text, nonce }, as(user));
const edit = (user: Caller, id: string, seq: number, text: string, nonce?: string) =>
  call(chat.broker, "v1.chat.editMessage", { id, seq, text, nonce }, as(user));
const erase = (user: Caller, id: string, seq: number, nonce?: string) =>
  call(chat.broker, "v1.chat.deleteMessage", { id, seq, nonce }, as(user));
const read = (user: Caller, id: string, seq: number) =>
  call(chat.broker, "v1.chat.markRead", { id, seq }, as(user));
const list = (user: Caller, id: string, query: { limit?: number; cursor?: string; after?: number } = {}) =>
  call(chat.broker, "v1.chat.listMessages", { id, ...query }, as(user));

describe("a direct chat", () => {
  test("is one for two people, whoever opens it", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    await expect(chatOf(bob, ann)).rejects.toMatchObject({ type: "ALREADY_EXISTS", data: { chat_id: id } });
    const participant_ids = [ann.id, bob.id].sort();
    expect(await call(chat.broker, "v1.chat.getChat", { id }, as(bob))).toMatchObject({
      id,
      participant_ids,
    });
    expect(await call(chat.broker, "v1.chat.listChatMembers", { id }, as(ann))).toEqual({
      user_ids: participant_ids,
    });
  });

  test("opened by both at once is made by one, and the other is told its id", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? chatOf(ann, bob) : chatOf(bob, ann))),
    );
    const made = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of tries) {
      if (result.status === "rejected") expect(result.reason.data).toEqual({ chat_id: made[0] });
    }
  });

  test("needs somebody else who exists", async () => {
    const ann = somebody();
    await expect(chatOf(ann, ann)).rejects.toMatchObject({ type: "INVALID_ARGUMENT", code: 400 });
    await expect(chatOf(ann, { ...ann, id: newUserId() })).rejects.toMatchObject({ type: "NOT_FOUND" });
  });

  test("is closed to others in all its actions", async () => {
    const [ann, bob, eve] = [somebody(), somebody(), somebody()];
    const id = await chatOf(ann, bob);
    const everything = (user: Caller, conversation: string) => [
      call(chat.broker, "v1.chat.getChat", { id: conversation }, as(user)),
      call(chat.broker, "v1.chat.listChatMembers", { id: conversation }, as(user)),
      call(chat.broker, "v1.chat.authorizeSubscription", { conversation }, as(user)),
      send(user, conversation, "hello"),
      list(user, conversation),
      edit(user, conversation, 1, "hello"),
      erase(user, conversation, 1),
      read(user, conversation, 1),
    ];
    for (const refused of everything(eve, id)) {
      await expect(refused).rejects.toMatchObject({ type: "PERMISSION_DENIED" });
    }
    for (const missing of everything(eve, newDirectChatId())) {
      await expect(missing).rejects.toMatchObject({ type: "NOT_FOUND" });
    }
    expect((await list(ann, id)).messages).toEqual([]);
  });
});

describe("messages", () => {
  test("are read newest first, by cursor, each once", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    for (let i = 1; i <= 7; i++) await send(i % 2 ? ann : bob, id, `number ${i}`);
    const seen: number[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await list(bob, id, { limit: 3, ...(cursor ? { cursor } : {}) });
      expect(page.seq).toBe(7);
      seen.push(...page.messages.map(({ seq }) => seq));
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect((await list(ann, id, { limit: 1 })).messages[0]).toMatchObject({
      id: `${id}.0000000000000007`,
      conversation_id: id,
      sender_id: ann.id,
      type: "message",
      text: "number 7",
    });
  });

  test("are read forward from behind a seq", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    for (let i = 1; i <= 5; i++) await send(ann, id, `number ${i}`);
    const page = await list(bob, id, { after: 2, limit: 2 });
    expect(page.messages.map(({ seq }) => seq)).toEqual([3, 4]);
    expect(page).toMatchObject({ seq: 4, next_cursor: null });
    expect((await list(bob, id, { after: 5 })).messages).toEqual([]);
  });

  test("a cursor of another chat is refused", async () => {
    const [ann, bob, carl] = [somebody(), somebody(), somebody()];
    const [one, two] = [await chatOf(ann, bob), await chatOf(ann, carl)];
    for (let i = 0; i < 3; i++) await send(ann, one, "hello");
    const { next_cursor } = await list(ann, one, { limit: 1 });
    await expect(list(ann, two, { cursor: String(next_cursor) })).rejects.toMatchObject({
      type: "INVALID_ARGUMENT",
    });
  });

  test("the same nonce gets the same answer, with another text a 409", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    const first = await send(ann, id, "once", "n-1");
    expect(await send(ann, id, "once", "n-1")).toEqual(first);
    await expect(send(ann, id, "twice", "n-1")).rejects.toMatchObject({ type: "ALREADY_EXISTS", code: 409 });
    expect(await send(bob, id, "his own", "n-1")).toMatchObject({ seq: 2 });
  });

  test("are changed by their author, and by nobody else", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    await send(ann, id, "one");
    await send(ann, id, "two");
    expect(await edit(ann, id, 1, "ONE")).toMatchObject({
      seq: 1,
      text: "ONE",
      edited_at_unix_ms: expect.any(Number),
    });
    await expect(edit(bob, id, 1, "mine")).rejects.toMatchObject({ type: "PERMISSION_DENIED", code: 403 });
    await expect(erase(bob, id, 2)).rejects.toMatchObject({ type: "PERMISSION_DENIED", code: 403 });
    expect(await erase(ann, id, 2)).toMatchObject({ seq: 2, text: "", deleted: true });
    await expect(edit(ann, id, 2, "again")).rejects.toMatchObject({ type: "FAILED_PRECONDITION", code: 412 });
    // The entries 3 and 4 are those changes, which are no messages.
    for (const seq of [3, 4, 5]) {
      await expect(edit(ann, id, seq, "what?")).rejects.toMatchObject({ type: "NOT_FOUND" });
      await expect(erase(ann, id, seq)).rejects.toMatchObject({ type: "NOT_FOUND" });
    }
    const { messages, seq } = await list(bob, id);
    expect(seq).toBe(4);
    expect(messages.map(({ text }) => text)).toEqual(["", "ONE"]);
  });
});

describe("a read marker", () => {
  test("goes on, not back, and not beyond the tail", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    expect(await read(bob, id, 9)).toEqual({ seq: 0, unread_count: 0 });
    for (const text of ["one", "two", "three"]) await send(ann, id, text);
    expect(await read(bob, id, 0)).toEqual({ seq: 0, unread_count: 3 });
    expect(await read(bob, id, 2)).toEqual({ seq: 2, unread_count: 1 });
    expect(await read(bob, id, 1)).toEqual({ seq: 2, unread_count: 1 });
    expect(await read(bob, id, 1_000_000)).toEqual({ seq: 3, unread_count: 0 });
  });

  test("of the sender goes with what is sent; edits and deletions are nothing to read", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await chatOf(ann, bob);
    await Promise.all(["one", "two", "three"].map((text) => send(ann, id, text)));
    expect(await read(ann, id, 0)).toEqual({ seq: 3, unread_count: 0 });
    await edit(ann, id, 1, "ONE");
    await erase(ann, id, 2);
    expect(await read(bob, id, 0)).toEqual({ seq: 0, unread_count: 3 });
    expect(await read(bob, id, 4)).toEqual({ seq: 4, unread_count: 0 });
    await send(bob, id, "four");
    expect(await read(ann, id, 0)).toEqual({ seq: 3, unread_count: 1 });
  });
});

test("the list of chats shows each user what is new to them", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await chatOf(ann, bob);
  await send(ann, id, "one");
  const chats = async (user: Caller) =>
    (await call(chat.broker, "v1.chat.listUserChats", {}, as(user))).chats;
  expect(await chats(ann)).toMatchObject([{ id, unread_count: 0, last_message: { seq: 1, text: "one" } }]);
  expect(await chats(bob)).toMatchObject([{ id, unread_count: 1, last_message: { seq: 1, text: "one" } }]);
  await read(bob, id, 1);
  expect(await chats(bob)).toMatchObject([{ id, unread_count: 0 }]);
});

test("reading forward, each page says where to read on from", async () => {
  const [ann, bob] = [somebody(), somebody()];
  const id = await chatOf(ann, bob);
  for (let i = 1; i <= 7; i += 1) await send(ann, id, `message ${i}`);
  const seen: number[] = [];
  let after = 0;
  for (let pages = 0; pages < 3; pages += 1) {
    const { messages, seq } = await list(bob, id, { after, limit: 3 });
    seen.push(...messages.map((message) => message.seq));
    after = seq;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(after).toBe(7);
});

import { beforeEach, describe, expect, test } from "@jest/globals";
import { unavailable } from "../../lib/errors.ts";
import { newDirectChatId, newUserId } from "../../lib/ids.ts";
import { type Collection, openCollection } from "../../mixins/collection/collection.ts";
import { chatCollections, type EntryDocument } from "./chat.store.ts";
import { deleteMessage, editMessage } from "./editing.ts";
import { isChange } from "./entries.ts";
import { readHistory } from "./history.ts";
import { MessageLog } from "./message-log.ts";

const nobody = async () => new Map();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const conversation = newDirectChatId();
const sender = newUserId();
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

let messages: Collection<EntryDocument>;
let published: string[];
let log: MessageLog;
let made: number;

const newLog = (collection = messages) =>
  new MessageLog(collection, {
    publish: ({ seq, type }) => published.push(`${seq} ${type}`),
    refusals: nobody,
  });

beforeEach(async () => {
  messages = await openCollection(chatCollections.messages, { checkQueries: true }, silent);
  published = [];
  made = 0;
  log = newLog();
});

const nonce = () => `n-${++made}`;
const say = (text: string, by = log) =>
  by.append(conversation, { type: "message", sender, text, nonce: nonce() });
const edit = (target: number, text: string, by = log) =>
  editMessage(by, conversation, { sender, target, text, nonce: nonce() });
const erase = (target: number, by = log) =>
  deleteMessage(by, conversation, { sender, target, nonce: nonce() });
const entries = () => log.readForward(conversation, 0, 1_000);
const history = (by = log) => readHistory(by, conversation, { limit: 100 });

/** The collection while updates are refused: a process that dies between the append and what follows it. */
function crashing(): { collection: Collection<EntryDocument>; dead: boolean } {
  const state = { collection: messages, dead: true };
  state.collection = new Proxy(messages, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      if (state.dead && String(property).startsWith("update")) return () => Promise.reject(unavailable());
      return member.bind(target);
    },
  });
  return state;
}

test("an edit and a deletion are entries of their own; the messages stay where they are, and count as before", async () => {
  await say("one");
  await say("two");
  await edit(1, "ONE");
  await erase(2);
  await say("three");
  expect(published).toEqual(["1 message", "2 message", "3 edit", "4 delete", "5 message"]);
  expect((await entries()).map(({ seq, messages: count }) => [seq, count])).toEqual([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 3],
  ]);
  const page = await history();
  expect(page.seq).toBe(5);
  expect(page.messages.map(({ seq, text, deleted }) => [seq, text, deleted])).toEqual([
    [5, "three", undefined],
    [2, "", true],
    [1, "ONE", undefined],
  ]);
  expect((await entries()).filter(({ owed }) => owed !== undefined)).toEqual([]);
});

test("pages and their cursors pass over edits, and end where the messages end", async () => {
  for (const i of numbers(4)) {
    await say(`number ${i}`);
    await edit(2 * i - 1, `edited ${i}`);
  }
  const first = await readHistory(log, conversation, { limit: 3 });
  expect(first.messages.map(({ seq }) => seq)).toEqual([7, 5, 3]);
  const second = await readHistory(log, conversation, { limit: 3, cursor: String(first.next_cursor) });
  expect(second).toMatchObject({ messages: [{ seq: 1, text: "edited 1" }], next_cursor: null });
  const forward = await readHistory(log, conversation, { limit: 2, after: 1 });
  expect(forward.messages.map(({ seq }) => seq)).toEqual([3, 5]);
});

describe("a deletion", () => {
  test("is final, and takes the text out of the edits too", async () => {
    await say("one");
    await edit(1, "secret");
    await erase(1);
    await expect(edit(1, "again")).rejects.toMatchObject({ type: "FAILED_PRECONDITION", code: 412 });
    expect((await entries()).map(({ text }) => text)).toEqual(["", "", ""]);
  });

  test("twice is as good as once", async () => {
    await say("one");
    expect(await erase(1)).toMatchObject({ deleted: true });
    expect(await erase(1)).toMatchObject({ deleted: true });
    expect(await entries()).toHaveLength(2);
  });

  test("races with edits by two writers: it wins, whatever the order, and nothing of the text is left", async () => {
    const other = newLog();
    for (const round of numbers(10)) {
      const { seq } = await say(`round ${round}`);
      await Promise.allSettled([
        edit(seq, "secret 1"),
        edit(seq, "secret 2", other),
        erase(seq),
        edit(seq, "secret 3"),
        edit(seq, "secret 4", other),
      ]);
      expect(await log.find(conversation, seq)).toMatchObject({ text: "", deleted: true });
    }
    const all = await entries();
    expect(all.filter(({ text, owed }) => text !== "" || owed !== undefined)).toEqual([]);
    expect(all.map(({ seq }) => seq)).toEqual(numbers(all.length));
  });
});

test("edits by two writers at once: the last one in the log counts", async () => {
  const other = newLog();
  await say("one");
  await Promise.all(numbers(30).map((i) => edit(1, `edit ${i}`, i % 2 ? log : other)));
  const all = await entries();
  expect(all.map(({ seq }) => seq)).toEqual(numbers(31));
  expect(all[0]).toMatchObject({ text: all.at(-1)?.text, changed_by: 31, edited_at: all.at(-1)?.sent_at });
});

test("an edit that is applied late, or again, leaves alone what a later one said", async () => {
  await say("one");
  await edit(1, "first");
  const [, first] = await entries();
  await edit(1, "second");
  if (!first || !isChange(first)) throw new Error("no edit");
  await log.changes.apply(first);
  expect(await log.find(conversation, 1)).toMatchObject({ text: "second", changed_by: 3 });
});

describe("a crash between the append and what it changes", () => {
  beforeEach(async () => {
    await say("one");
    await say("two");
  });

  const crash = async () => {
    const died = newLog(crashing().collection);
    await expect(edit(1, "ONE", died)).rejects.toMatchObject({ type: "UNAVAILABLE" });
    await expect(erase(2, died)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  };

  test("is made up for by who takes over the tail", async () => {
    await crash();
    published = [];
    await say("three", newLog());
    expect(await log.find(conversation, 1)).toMatchObject({ text: "ONE" });
    expect(published[0]).toBe("3 edit");
  });

  test("is made up for by who reads the history", async () => {
    await crash();
    const page = await history(newLog());
    expect(page.seq).toBe((await entries()).length);
    expect(page.messages.at(-1)).toMatchObject({ seq: 1, text: "ONE" });
  });

  test("is made up for by the sweep, and what was deleted is gone from the edits", async () => {
    const died = newLog(crashing().collection);
    await edit(2, "TWO");
    await expect(erase(2, died)).rejects.toMatchObject({ type: "UNAVAILABLE" });
    await newLog().changes.settleAll(new AbortController().signal);
    expect((await entries()).map(({ text, deleted, owed }) => [text, deleted, owed])).toEqual([
      ["one", undefined, undefined],
      ["", true, undefined],
      ["", undefined, undefined],
      ["", undefined, undefined],
    ]);
  });

  test("is made up for by the retry, and by the same process once it can write again", async () => {
    const crashed = crashing();
    const died = newLog(crashed.collection);
    const request = { sender, target: 1, text: "ONE", nonce: "retried" };
    await expect(editMessage(died, conversation, request)).rejects.toMatchObject({ type: "UNAVAILABLE" });
    crashed.dead = false;
    expect(await editMessage(died, conversation, request)).toMatchObject({ seq: 1, text: "ONE" });
    expect(await entries()).toHaveLength(3);
  });
});

describe("a nonce", () => {
  test("of an edit that was made gets the message, and makes no second entry", async () => {
    await say("one");
    const request = { sender, target: 1, text: "ONE", nonce: "n" };
    const all = await Promise.all(numbers(20).map(() => editMessage(log, conversation, request)));
    expect(new Set(all.map(({ text }) => text))).toEqual(new Set(["ONE"]));
    expect(await entries()).toHaveLength(2);
    await erase(1);
    expect(await editMessage(log, conversation, request)).toMatchObject({ text: "", deleted: true });
  });

  test("of another request is a 409", async () => {
    await say("one");
    await say("two");
    await editMessage(log, conversation, { sender, target: 1, text: "ONE", nonce: "n" });
    const refused = { type: "ALREADY_EXISTS" };
    const others = [
      editMessage(log, conversation, { sender, target: 1, text: "other", nonce: "n" }),
      editMessage(log, conversation, { sender, target: 2, text: "ONE", nonce: "n" }),
      deleteMessage(log, conversation, { sender, target: 1, nonce: "n" }),
      log.append(conversation, { type: "message", sender, text: "ONE", nonce: "n" }),
    ];
    for (const { reason } of (await Promise.allSettled(others)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject(refused);
    }
  });
});

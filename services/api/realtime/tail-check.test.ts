// An entry that was kept and never published, as by a writer that died between the two, is found by comparing tails.
import { afterEach, describe, expect, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import { type ConversationId, newDirectChatId } from "../../../lib/ids.ts";
import type { WithCollections } from "../../../mixins/collection/collection.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { type ChatBroker, callsOf, makeChat } from "../../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, Socket, somebody } from "../../../test/support/gateway.ts";
import type { chatCollections } from "../../chat/chat.store.ts";
import { entryAfter } from "../../chat/entries.ts";
import { ConversationFeed } from "./conversation-feed.ts";
import { TailCheck } from "./tail-check.ts";

const NONE = { further: [], gone: [] };

describe("in a gateway", () => {
  let chat: ChatBroker;
  afterEach(() => chat.broker.stop());

  async function startWith(tailCheckMs: number): Promise<{ ann: Caller; id: ConversationId; b: Socket }> {
    chat = makeChat();
    addGateway(chat.broker, { tailCheckMs });
    await chat.broker.start();
    await gatewayReady(chat.broker);
    const [ann, bob] = [somebody(), somebody()];
    chat.users.add(bob.id);
    const params = { participant_id: bob.id };
    const { chat_id } = await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } });
    const b = await Socket.signedIn(chat.broker, bob);
    b.push({ op: "subscribe", conversation: chat_id });
    await b.got("subscribed");
    // What the chat service answers is an id.
    return { ann, id: chat_id as ConversationId, b };
  }

  /** As a writer leaves it that dies right after the write. */
  async function keepUnpublished(conversation: ConversationId, sender: Caller, text: string): Promise<void> {
    const { collections } = chat.broker.getLocalService("v1.chat") as unknown as WithCollections<
      typeof chatCollections
    >;
    const tail = { seq: 1, sent_at: Date.now(), messages: 1 };
    const draft = { type: "message" as const, sender: sender.id, nonce: "lost", text };
    await collections.messages.insert(entryAfter(tail, conversation, draft));
  }

  test("a message whose publication was lost comes with the next check, and once", async () => {
    const { ann, id, b } = await startWith(200);
    const say = (text: string) =>
      call(chat.broker, "v1.chat.sendMessage", { id, text }, { meta: { user: ann } });
    await say("one");
    await b.got("message");
    await keepUnpublished(id, ann, "lost");
    expect(await b.got("message", 2)).toMatchObject({ seq: 2, text: "lost" });
    await say("three");
    await b.got("message", 3);
    expect(b.seqs()).toEqual([1, 2, 3]);
  });

  test("while nothing is lost a check delivers nothing, reads no log, and is not made without a listener", async () => {
    const { ann, id, b } = await startWith(40);
    await call(chat.broker, "v1.chat.sendMessage", { id, text: "one" }, { meta: { user: ann } });
    await b.got("message");
    const before = b.frames.length;
    const made = callsOf(chat.broker, "v1.chat.compareTails");
    // A check may have come between that message's write and its publication.
    const read = callsOf(chat.broker, "v1.chat.readEntries");
    await eventually(() => callsOf(chat.broker, "v1.chat.compareTails") >= made + 3);
    expect(b.frames).toHaveLength(before);
    expect(callsOf(chat.broker, "v1.chat.readEntries")).toBe(read);
    b.push({ op: "unsubscribe", conversation: id });
    await b.got("unsubscribed");
    await eventually(() => gatewayOf(chat.broker).realtime.feeds.size === 0);
    // One may be under way, or planned.
    await eventually(async () => {
      const count = callsOf(chat.broker, "v1.chat.compareTails");
      await new Promise((passed) => setTimeout(passed, 200));
      return callsOf(chat.broker, "v1.chat.compareTails") === count;
    });
    b.push({ op: "subscribe", conversation: id });
    const stopped = callsOf(chat.broker, "v1.chat.compareTails");
    await eventually(() => callsOf(chat.broker, "v1.chat.compareTails") > stopped);
  });
});

describe("a check", () => {
  const feedsUpTo = (count: number, seq: number) => {
    const feeds = new Map<ConversationId, { feed: ConversationFeed }>();
    const read: number[] = [];
    for (let i = 0; i < count; i++) {
      const feed = new ConversationFeed(async (after) => {
        read.push(after);
        return [];
      });
      feed.noteTail(seq);
      feeds.set(newDirectChatId(), { feed });
    }
    return { feeds, read };
  };

  test("asks for at most a thousand at a time, and for none whose tail is not known here", async () => {
    const { feeds } = feedsUpTo(2_500, 3);
    feeds.set(newDirectChatId(), { feed: new ConversationFeed(async () => []) });
    const asked: number[] = [];
    const check = new TailCheck({
      feeds,
      every: 60_000,
      onFailure() {},
      compare: async (tails) => {
        asked.push(tails.length);
        return NONE;
      },
    });
    check.now();
    await eventually(() => asked.length === 3, { every: 1 });
    expect(asked).toEqual([1_000, 1_000, 500]);
    check.stop();
  });

  test("does not begin while another is under way: one more follows, however often it was wanted", async () => {
    const { feeds } = feedsUpTo(1, 3);
    const answers: (() => void)[] = [];
    const check = new TailCheck({
      feeds,
      every: 60_000,
      onFailure() {},
      compare: () => new Promise((resolve) => answers.push(() => resolve(NONE))),
    });
    for (let i = 0; i < 5; i++) check.now();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await eventually(() => answers.length === 2, { every: 1 });
    answers[1]?.();
    await new Promise((passed) => setTimeout(passed, 20));
    expect(answers).toHaveLength(2);
    check.stop();
  });

  test("that fails is made again soon, with growing pauses, and told of once", async () => {
    const { feeds } = feedsUpTo(1, 3);
    const times: number[] = [];
    const failures: unknown[] = [];
    const check = new TailCheck({
      feeds,
      every: 60_000,
      onFailure: (error) => failures.push(error),
      compare: async () => {
        times.push(performance.now());
        if (times.length < 4) throw new Error("no chat service");
        return NONE;
      },
    });
    check.now();
    await eventually(() => times.length === 4, { every: 5 });
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(pauses[0]).toBeGreaterThanOrEqual(95);
    expect(pauses[1]).toBeGreaterThanOrEqual(195);
    expect(pauses[2]).toBeGreaterThanOrEqual(395);
    expect(failures).toHaveLength(1);
    check.stop();
  });

  test("finds what goes further, and leaves the rest alone", async () => {
    const { feeds, read } = feedsUpTo(3, 3);
    const [first] = feeds.keys();
    const check = new TailCheck({
      feeds,
      every: 60_000,
      onFailure() {},
      compare: async () => ({ further: first ? [{ conversation: first, seq: 4 }] : [], gone: [] }),
    });
    check.now();
    await eventually(() => read.length > 0, { every: 1 });
    expect(new Set(read)).toEqual(new Set([3]));
    for (const { feed } of feeds.values()) feed.close();
    check.stop();
  });
});

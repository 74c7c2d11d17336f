import { beforeEach, describe, expect, test } from "@jest/globals";
import { permissionDenied, unavailable } from "../../lib/errors.ts";
import { type ConversationId, newDirectChatId, newUserId, type UserId } from "../../lib/ids.ts";
import { type Collection, openCollection } from "../../mixins/collection/collection.ts";
import { chatCollections, type EntryDocument } from "./chat.store.ts";
import type { Draft } from "./entries.ts";
import { MessageLog } from "./message-log.ts";

const nobody = async () => new Map();
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const conversation = newDirectChatId();
const sender = newUserId();
const draft = (nonce: string | number, text = `text of ${nonce}`): Draft => ({
  type: "message",
  sender,
  text,
  nonce: String(nonce),
});
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

let messages: Collection<EntryDocument>;
let published: number[];
let log: MessageLog;

beforeEach(async () => {
  messages = await openCollection(chatCollections.messages, { checkQueries: true }, silent);
  published = [];
  log = new MessageLog(messages, { publish: ({ seq }) => published.push(seq), refusals: nobody });
});

const kept = () => log.readForward(conversation, 0, 1_000);

/** The collection, where the first inserts go wrong. */
function failing(
  ...inserts: ((entries: EntryDocument[]) => ReturnType<Collection<EntryDocument>["insertMany"]>)[]
): Collection<EntryDocument> {
  return new Proxy(messages, {
    get(target, property) {
      const insert = property === "insertMany" ? inserts.shift() : undefined;
      const member: unknown = insert ?? Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("one writer", () => {
  test("50 senders at once get 1 to 50, each once, published in order", async () => {
    const entries = await Promise.all(numbers(50).map((i) => log.append(conversation, draft(i))));
    expect(entries.map(({ seq }) => seq)).toEqual(numbers(50));
    expect(published).toEqual(numbers(50));
    const all = await kept();
    expect(all.map(({ seq }) => seq)).toEqual(numbers(50));
    expect(all.map(({ messages }) => messages)).toEqual(numbers(50));
    expect(new Set(all.map(({ text }) => text)).size).toBe(50);
  });

  test("what comes while a write is under way goes out with the next one", async () => {
    let writes = 0;
    const counted = new Proxy(messages, {
      get(target, property) {
        if (property === "insertMany") writes += 1;
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    log = new MessageLog(counted, { publish: ({ seq }) => published.push(seq), refusals: nobody });
    await Promise.all(numbers(500).map((i) => log.append(conversation, draft(i))));
    expect(published).toEqual(numbers(500));
    expect(writes).toBeLessThan(10);
  });

  test("a nonce that was used settles alone, in the midst of others", async () => {
    await log.append(conversation, draft(3));
    const outcomes = await Promise.allSettled([
      ...numbers(5).map((i) => log.append(conversation, draft(i))),
      log.append(conversation, draft(2, "another text")),
      log.append(conversation, draft(6)),
    ]);
    const seqs = outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value.seq : outcome.reason.type,
    );
    expect(seqs).toEqual([2, 3, 1, 4, 5, "ALREADY_EXISTS", 6]);
    expect((await kept()).map(({ seq }) => seq)).toEqual(numbers(6));
  });

  test("conversations don't share their numbers", async () => {
    const other = newDirectChatId();
    await log.append(conversation, draft(1));
    expect(await log.append(other, draft(1))).toMatchObject({ seq: 1, _id: `${other}.0000000000000001` });
  });

  test("time does not go back, whatever the clock does", async () => {
    const first = await log.append(conversation, draft(1));
    const late = {
      ...first,
      _id: `${conversation}.0000000000000002`,
      seq: 2,
      nonce_key: "late",
      messages: 2,
    };
    await messages.insert({ ...late, sent_at: first.sent_at + 60_000 });
    expect(await log.append(conversation, draft(3))).toMatchObject({
      seq: 3,
      messages: 3,
      sent_at: first.sent_at + 60_000,
    });
  });

  test("a full queue refuses, and serves again afterwards", async () => {
    const flood = await Promise.allSettled(numbers(1_010).map((i) => log.append(conversation, draft(i))));
    const refused = flood.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refused).toHaveLength(10);
    expect(refused[0]).toMatchObject({ type: "RESOURCE_EXHAUSTED" });
    expect(await log.append(conversation, draft("later"))).toMatchObject({ seq: 1_001 });
  });
});

describe("two writers", () => {
  test("that race leave no hole and lose nothing", async () => {
    const other = new MessageLog(messages, { publish: () => {}, refusals: nobody });
    const entries = await Promise.all(
      numbers(60).map((i) => (i % 2 ? log : other).append(conversation, draft(i))),
    );
    expect(entries.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(numbers(60));
    expect((await kept()).map(({ seq }) => seq)).toEqual(numbers(60));
  });

  test("one that comes to a tail it does not know goes on behind it", async () => {
    await log.append(conversation, draft(1));
    const other = new MessageLog(messages, { publish: () => {}, refusals: nobody });
    await other.append(conversation, draft(2));
    await other.append(conversation, draft(3));
    expect(await log.append(conversation, draft(4))).toMatchObject({ seq: 4, messages: 4 });
  });
});

describe("a nonce", () => {
  test("sent 50 times at once makes one message", async () => {
    const other = new MessageLog(messages, { publish: () => {}, refusals: nobody });
    const entries = await Promise.all(
      numbers(50).map((i) => (i % 2 ? log : other).append(conversation, draft("same"))),
    );
    expect(new Set(entries.map(({ _id }) => _id)).size).toBe(1);
    expect(await kept()).toHaveLength(1);
  });

  test("with another text is refused, and changes nothing", async () => {
    await log.append(conversation, draft("n", "one"));
    await expect(log.append(conversation, draft("n", "two"))).rejects.toMatchObject({
      type: "ALREADY_EXISTS",
      code: 409,
    });
    expect((await kept()).map(({ text }) => text)).toEqual(["one"]);
    expect(await log.append(conversation, draft("next"))).toMatchObject({ seq: 2 });
  });

  test("of another sender, or in another conversation, is another nonce", async () => {
    await log.append(conversation, draft("n"));
    expect(await log.append(conversation, { ...draft("n"), sender: newUserId() })).toMatchObject({ seq: 2 });
    expect(await log.append(newDirectChatId(), draft("n"))).toMatchObject({ seq: 1 });
  });
});

describe("who may append", () => {
  const eve = newUserId();
  const by = (user: UserId, nonce: number): Draft => ({ ...draft(nonce), sender: user });

  test("is asked once for all that goes out together, after the tail was known; the others go on", async () => {
    const asked: string[][] = [];
    const refusals = async (_id: ConversationId, users: UserId[]) => {
      asked.push([...users].sort());
      return new Map(users.includes(eve) ? [[eve, permissionDenied("not in it")]] : []);
    };
    log = new MessageLog(messages, { publish: ({ seq }) => published.push(seq), refusals });
    await log.append(conversation, draft(0));
    const outcomes = await Promise.allSettled([
      ...numbers(20).map((i) => log.append(conversation, draft(i))),
      ...numbers(20).map((i) => log.append(conversation, by(eve, i))),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array(20).fill("fulfilled"),
      ...Array(20).fill("rejected"),
    ]);
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(asked.at(-1)).toEqual([sender, eve].sort());
    expect((await kept()).map(({ sender_id }) => sender_id)).not.toContain(eve);
  });

  test("is asked again where another writer was faster: somebody may have been put out in between", async () => {
    const seenTails: number[] = [];
    const refusals = async () => {
      seenTails.push((await kept()).length);
      return new Map();
    };
    log = new MessageLog(messages, { publish: () => {}, refusals });
    await log.append(conversation, draft(1));
    const other = new MessageLog(messages, { publish: () => {}, refusals: nobody });
    await other.append(conversation, draft(2));
    expect(await log.append(conversation, draft(3))).toMatchObject({ seq: 3 });
    expect(seenTails).toEqual([0, 2, 2]);
  });

  test("is not asked of what the system itself appends, which is kept once", async () => {
    log = new MessageLog(messages, {
      publish: () => {},
      refusals: () => Promise.reject(new Error("nobody to ask")),
    });
    const leaving: Draft = { type: "leave", sender: eve, nonce: "leave:1" };
    for (const _ of [1, 2]) expect(await log.append(conversation, leaving)).toMatchObject({ seq: 1 });
    expect(await kept()).toMatchObject([{ type: "leave", sender_id: eve, messages: 0 }]);
  });

  test("that can't be asked now, nothing of a client is kept", async () => {
    log = new MessageLog(messages, { publish: () => {}, refusals: () => Promise.reject(unavailable()) });
    await expect(log.append(conversation, draft(1))).rejects.toMatchObject({ type: "UNAVAILABLE" });
    expect(await kept()).toEqual([]);
  });
});

describe("a write that fails", () => {
  test("before it was made is not acknowledged, and leaves no hole", async () => {
    log = new MessageLog(
      failing(() => Promise.reject(unavailable())),
      { publish: () => {}, refusals: nobody },
    );
    await expect(log.append(conversation, draft(1))).rejects.toMatchObject({ type: "UNAVAILABLE" });
    expect(await log.append(conversation, draft(2))).toMatchObject({ seq: 1 });
  });

  test("after it was made is found by the retry, which gets the first entry", async () => {
    const madeButLost = async (entries: EntryDocument[]) => {
      await messages.insertMany(entries);
      throw unavailable();
    };
    log = new MessageLog(failing(madeButLost), {
      publish: ({ seq }) => published.push(seq),
      refusals: nobody,
    });
    await expect(log.append(conversation, draft("n"))).rejects.toMatchObject({ type: "UNAVAILABLE" });
    expect(await log.append(conversation, draft("other"))).toMatchObject({ seq: 2, messages: 2 });
    expect(await log.append(conversation, draft("n"))).toMatchObject({ seq: 1 });
    // The retry makes up for what the first attempt did not publish.
    expect(published).toEqual([2, 1]);
  });
});

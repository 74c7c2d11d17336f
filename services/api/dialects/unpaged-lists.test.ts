import { EventEmitter, once } from "node:events";
import { expect, test } from "@jest/globals";
import { UnpagedLists } from "./unpaged-lists.ts";
import { MAX_UNPAGED, MAX_UNPAGED_BYTES, unpaged } from "./values.ts";

const answer = () => Object.assign(new EventEmitter(), { destroyed: false });
const tooMany = { type: "RESOURCE_EXHAUSTED", data: { retry_after: 1 } };

test("a user has two at once, until they are sent", async () => {
  const lists = new UnpagedLists();
  const answers = [answer(), answer(), answer()] as const;
  const take = (user: string, at: 0 | 1 | 2) => lists.take(user, answers[at], async () => at);
  expect(await take("ann", 0)).toBe(0);
  expect(await take("ann", 1)).toBe(1);
  await expect(take("ann", 2)).rejects.toMatchObject(tooMany);
  expect(await take("bob", 2)).toBe(2);
  answers[0].emit("close");
  expect(await take("ann", 2)).toBe(2);
  await expect(take("ann", 2)).rejects.toMatchObject(tooMany);
});

test("a gateway makes sixteen at once, and those that fail don't count on", async () => {
  const lists = new UnpagedLists();
  const going = new EventEmitter().setMaxListeners(0);
  const fail = async () => {
    await once(going, "go");
    throw new Error("failed");
  };
  const users = Array.from({ length: 16 }, (_, at) => `u${at}`);
  const made = Promise.allSettled(users.map((user) => lists.take(user, answer(), fail)));
  const one = () => lists.take("another", answer(), async () => "made");
  await expect(one()).rejects.toMatchObject(tooMany);
  going.emit("go");
  await made;
  expect(await one()).toBe("made");
});

test("an answer that is closed already counts for nobody", async () => {
  const lists = new UnpagedLists();
  const closed = Object.assign(answer(), { destroyed: true });
  for (const at of [1, 2, 3, 4]) expect(await lists.take("ann", closed, async () => at)).toBe(at);
});

test("a list ends at the bytes of an answer, and asks for no more pages", async () => {
  const items = Array.from({ length: 100 }, (_, id) => ({ id, text: "漢".repeat(5_000) }));
  let pages = 0;
  const list = await unpaged(async () => {
    pages += 1;
    return { items, next_cursor: "on" };
  });
  const bytes = Buffer.byteLength(JSON.stringify(list));
  expect(bytes).toBeLessThanOrEqual(MAX_UNPAGED_BYTES);
  expect(bytes).toBeGreaterThan(MAX_UNPAGED_BYTES - 20_000);
  expect(list).toEqual(items.slice(0, list.length));
  expect(pages).toBe(1);
});

test("a list ends at its number of items", async () => {
  const items = Array.from({ length: 96 }, (_, id) => ({ id }));
  const list = await unpaged(async () => ({ items, next_cursor: "on" }));
  expect(list).toHaveLength(MAX_UNPAGED);
});

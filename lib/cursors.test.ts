import { expect, test } from "@jest/globals";
import { decodeCursor, encodeCursor, toPage, visiblePage } from "./cursors.ts";
import { isVecheError } from "./errors.ts";

test("a cursor brings back the key it was made of, for the same list only", () => {
  const cursor = encodeCursor("friends", "key.1");
  expect(decodeCursor("friends", cursor)).toBe("key.1");
  expect(() => decodeCursor("chats", cursor)).toThrow("not one of this list");
});

test.each([
  "",
  "x",
  "!!!",
  "bnVsbA",
  Buffer.from("[1,2]").toString("base64url"),
  Buffer.from('["a"]').toString("base64url"),
])("garbage is an invalid argument: %j", (garbage) => {
  let thrown: unknown;
  try {
    decodeCursor("friends", garbage);
  } catch (error) {
    thrown = error;
  }
  expect(isVecheError(thrown) && thrown.code).toBe(400);
});

test("a page has a next cursor only where there is more", () => {
  expect(toPage("l", ["a", "b", "c"], 2, (row) => row)).toEqual({
    items: ["a", "b"],
    next_cursor: encodeCursor("l", "b"),
  });
  expect(toPage("l", ["a", "b"], 2, (row) => row)).toEqual({ items: ["a", "b"], next_cursor: null });
  expect(toPage("l", [], 2, (row) => row)).toEqual({ items: [], next_cursor: null });
});

/** Numbers with leading zeros, of which some are hidden. */
const listOf = (count: number, isHidden: (n: number) => boolean) => {
  const rows = Array.from({ length: count }, (_, n) => String(n).padStart(6, "0"));
  let reads = 0;
  const page = (limit: number, cursor?: string) =>
    visiblePage<string>({
      ...{ list: "l", limit, cursor, keyOf: (row) => row },
      read: async ({ after = "", limit: most }) => {
        reads += 1;
        expect(most).toBeLessThanOrEqual(100);
        return rows.filter((row) => row > after).slice(0, most);
      },
      visible: async (some) => some.filter((row) => !isHidden(Number(row))),
    });
  return { page, reads: () => reads };
};

test.each([1, 2, 7, 100])(
  "pages of %d have all that is visible once, and cursors name nothing else",
  async (limit) => {
    for (const isHidden of [
      () => false,
      () => true,
      (n: number) => n % 2 === 0,
      (n: number) => n > 2 && n < 3_000,
      (n: number) => n < 3_500,
    ]) {
      const { page } = listOf(4_000, isHidden);
      const shown: string[] = [];
      let cursor: string | undefined;
      do {
        const { items, next_cursor } = await page(limit, cursor);
        expect(items.length).toBeLessThanOrEqual(limit);
        shown.push(...items);
        cursor = next_cursor ?? undefined;
        if (cursor !== undefined) expect(decodeCursor("l", cursor)).toBe(items.at(-1));
      } while (cursor !== undefined);
      const all = Array.from({ length: 4_000 }, (_, n) => n).filter((n) => !isHidden(n));
      expect(shown.map(Number)).toEqual(all);
    }
  },
);

test("a page that has something to show does not look for more without end", async () => {
  const { page, reads } = listOf(10_000, (n) => n > 0);
  expect(await page(20)).toEqual({ items: ["000000"], next_cursor: encodeCursor("l", "000000") });
  expect(reads()).toBe(10);
});

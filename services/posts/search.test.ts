// What search, lists and the feed show is what a plain model says, whatever is posted, hidden and asked for.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { PostId, UserId } from "../../lib/ids.ts";
import { type OpenCollection, openCollection } from "../../mixins/collection/collection.ts";
import { feedOf } from "./feed.ts";
import { Lists, pageOf, type Source } from "./lists.ts";
import { type PostDocument, postsCollections } from "./posts.store.ts";
import { postsLike } from "./search.ts";
import { termsOf } from "./terms.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let posts: OpenCollection<PostDocument>;
let lists: Lists;
beforeAll(async () => {
  posts = await openCollection(postsCollections.posts, { checkQueries: true }, quiet);
  lists = new Lists(posts);
});
afterAll(() => posts.close());

const id = (n: number) => String(n).padStart(16, "0") as PostId;
const userId = (n: number) => String(n).padStart(16, "0") as UserId;
const USERS = [1, 2, 3].map(userId);

/** Each word with what it is a form of; stop words with none. */
const FORMS: Record<string, string> = {
  ...{ лес: "лес", лесу: "лес", Лесами: "лес", лесной: "лесной", ЁЛКА: "ёлка", елки: "ёлка" },
  ...{ walk: "walk", WALKING: "walk", walks: "walk", wallet: "wallet", veche: "veche", "2025": "2025" },
};
const STOPS = ["и", "на", "the", "of"];
const plain = (word: string) => word.toLowerCase().replaceAll("ё", "е");
/** Two of them are common, so that much matches. */
const word = fc.oneof(fc.constantFrom("лес", "walk"), fc.constantFrom(...Object.keys(FORMS), ...STOPS));
const text = fc.array(word, { maxLength: 6 });
/** None of them is a word by itself. */
const beginning = fc.constantFrom("ле", "Лесн", "ел", "wa", "wal", "WALL", "vec", "20", "th");
const query = fc
  .tuple(fc.array(word, { maxLength: 2 }), fc.option(beginning))
  .map(([words, last]) => (last === null ? words : [...words, last]))
  .filter((words) => words.length > 0);

/** Whether a text matches, said as docs/posts.md says it. */
function matches(words: string[], asked: string[]): boolean {
  const isStop = (each: string) => STOPS.includes(each);
  const counting = asked.every(isStop) ? asked : asked.filter((each) => !isStop(each));
  const formOf = (each: string) =>
    isStop(each) ? each : Object.entries(FORMS).find(([form]) => plain(form) === plain(each))?.[1];
  return counting.every((each) =>
    words.some((one) => {
      if (formOf(each) !== undefined && formOf(one) === formOf(each)) return true;
      // A stop word is not found by how it begins.
      return plain(each) === plain(asked.at(-1) ?? "") && !isStop(one) && plain(one).startsWith(plain(each));
    }),
  );
}

interface Written {
  author: number;
  words: string[];
  deleted: boolean;
}

async function write(written: Written[]): Promise<void> {
  await posts.deleteMany({ _id: { $gte: id(0) } });
  const documents = written.map(({ author, words, deleted }, i): PostDocument => {
    const post = { _id: id(i + 1), created_at: i, revision: 0 };
    if (deleted) return { ...post, deleted_at: 1 };
    return {
      ...post,
      author: USERS[author] as UserId,
      text: words.join(" "),
      terms: termsOf(words.join(" ")),
    };
  });
  await posts.insertMany(documents);
}

/** All pages of a list. Each costs no more reads than it may. */
async function readAll(sourceOf: () => Source, limit: number, hidden: UserId[]): Promise<string[]> {
  const read: string[] = [];
  let cursor: string | undefined;
  do {
    let reads = 0;
    const source = sourceOf();
    const counted: Source = (before, count) => {
      reads += 1;
      return source(before, count);
    };
    const wanted = { limit, cursor, hiddenAmong: async () => new Set<string>(hidden) };
    const page = await pageOf("a list", counted, wanted);
    expect(page.posts.length).toBeLessThanOrEqual(limit);
    expect(reads).toBeLessThanOrEqual(10);
    read.push(...page.posts.map(({ _id }) => _id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return read;
}

const author = fc.nat({ max: USERS.length - 1 });
const world = fc.record({
  written: fc.array(fc.record({ author, words: text, deleted: fc.boolean() }), {
    maxLength: 40,
    size: "max",
  }),
  hidden: fc.subarray([0, 1, 2], { maxLength: 1 }),
  limit: fc.integer({ min: 1, max: 5 }),
});

const expected = (written: Written[], hidden: number[], shows: (post: Written) => boolean): string[] =>
  written
    .flatMap((post, i) => (!post.deleted && !hidden.includes(post.author) && shows(post) ? [id(i + 1)] : []))
    .reverse();
const usersOf = (numbers: number[]) => numbers.map((n) => USERS[n] as UserId);

test("search agrees with a plain model", async () => {
  const asked = fc.record({
    words: fc.option(query),
    by: fc.option(author),
    portion: fc.integer({ min: 1, max: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(world, asked, async ({ written, hidden, limit }, { words, by, portion }) => {
      await write(written);
      const wanted = {
        query: words?.join(" "),
        author: by === null ? undefined : USERS[by],
      };
      const found = await readAll(() => postsLike(posts, lists, wanted, portion), limit, usersOf(hidden));
      const shows = (post: Written) =>
        (by === null || post.author === by) && (words === null || matches(post.words, words));
      expect(found).toEqual(expected(written, hidden, shows));
    }),
    { numRuns: 500 },
  );
});

test("the feed agrees with a plain model", async () => {
  await fc.assert(
    fc.asyncProperty(world, fc.subarray([0, 1, 2]), async ({ written, hidden, limit }, followed) => {
      await write(written);
      const of = () => feedOf(posts, lists, async () => usersOf(followed));
      const found = await readAll(of, limit, usersOf(hidden));
      expect(found).toEqual(expected(written, hidden, (post) => followed.includes(post.author)));
    }),
    { numRuns: 200 },
  );
});

test("a feed of thousands has the newest posts of all of them", async () => {
  await posts.deleteMany({ _id: { $gte: id(0) } });
  const many = Array.from({ length: 1_234 }, (_, i) => userId(100 + i));
  await posts.insertMany(
    many.map((by, i) => ({
      _id: id(i + 1),
      author: by,
      text: "veche",
      created_at: i,
      revision: 0,
    })),
  );
  const read = await readAll(() => feedOf(posts, lists, async () => many), 100, []);
  expect(read).toEqual(many.map((_, i) => id(i + 1)).reverse());
});

test("a page of long texts ends before it is more than NATS carries at once, and the next one goes on", async () => {
  await posts.deleteMany({ _id: { $gte: id(0) } });
  const text = "\u4e16".repeat(5_000);
  await posts.insertMany(
    Array.from({ length: 100 }, (_, i) => {
      const post = { _id: id(i + 1), author: USERS[0] as UserId, text };
      return { ...post, created_at: 0, revision: 0 };
    }),
  );
  const wanted = { limit: 100, hiddenAmong: async () => new Set<string>() };
  const read: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await pageOf("a list", lists.all, { ...wanted, cursor });
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(700 * 1024);
    read.push(...page.posts.map(({ _id }) => _id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  expect(read).toEqual(Array.from({ length: 100 }, (_, i) => id(100 - i)));
});

test("two words that never meet are told so at a bounded cost, a page after the other", async () => {
  await posts.deleteMany({ _id: { $gte: id(0) } });
  for (let from = 0; from < 6_000; from += 1_000) {
    await posts.insertMany(
      Array.from({ length: 1_000 }, (_, i) => {
        const text = i % 2 === 0 ? "лес" : "walk";
        const post = { _id: id(from + i + 1), author: USERS[0] as UserId, text };
        return { ...post, terms: termsOf(text), created_at: 0, revision: 0 };
      }),
    );
  }
  const wanted = { limit: 20, hiddenAmong: async () => new Set<string>() };
  const search = (cursor: string | undefined) =>
    pageOf("a list", postsLike(posts, lists, { query: "лес walk" }), { ...wanted, cursor });
  const first = await search(undefined);
  expect([first.posts, typeof first.next_cursor]).toEqual([[], "string"]);
  const second = await search(first.next_cursor ?? "");
  // 3,000 have either, and a page looks at 1,680 of them.
  expect(second).toEqual({ posts: [], next_cursor: null });
});

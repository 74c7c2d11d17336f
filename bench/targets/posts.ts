// Veche, with as many posts and followed as it is told to make, as the services would keep them.
import { statSync } from "node:fs";
import { join } from "node:path";
import type { PostId, UserId } from "../../lib/ids.ts";
import type { Collections } from "../../mixins/collection/collection.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import type { postsCollections } from "../../services/posts/posts.store.ts";
import { termsOf } from "../../services/posts/terms.ts";
import { edgeContent, edgeId, type socialCollections } from "../../services/social/social.store.ts";
import { answering } from "../asking.ts";
import { broker } from "./veche.ts";

export interface Writes {
  posts: number;
  authors: number;
  /** How many of them have the rare word. */
  rare: number;
}
export interface Follows {
  user: UserId;
  followed: number;
}

const PORTION = 1_000;
const WORDS = 25;
const VOCABULARY = 20_000;
const SYLLABLES = ["ка", "ро", "ми", "сте", "пла", "ви", "дон", "ле", "ну", "гра", "то", "бе"];

const local = <T>(name: string) =>
  (broker.getLocalService({ name, version: 1 }) as unknown as { collections: T }).collections;
const idOf = (n: number) => String(n).padStart(16, "0");

let seed = 1;
/** The same in each run. */
function random(): number {
  seed = (seed * 16_807) % 2_147_483_647;
  return seed / 2_147_483_647;
}
const vocabulary = Array.from({ length: VOCABULARY }, () =>
  Array.from(
    { length: 2 + Math.floor(random() * 3) },
    () => SYLLABLES[Math.floor(random() * SYLLABLES.length)],
  ).join(""),
);
/** Some often, most seldom, as words are. */
const word = () => vocabulary[Math.floor(VOCABULARY ** random()) - 1] ?? "вече";

answering({
  async write({ posts, authors, rare }: Writes) {
    const { posts: collection } = local<Collections<typeof postsCollections>>("posts");
    let terms = 0;
    for (let made = 0; made < posts; made += PORTION) {
      const portion = Array.from({ length: PORTION }, (_, i) => {
        const n = made + i;
        const marks = ["everywhere", n % 2 === 0 ? "even" : "uneven"];
        if (n % (posts / rare) === 0) marks.push("seldom");
        const text = [...Array.from({ length: WORDS }, word), ...marks].join(" ");
        const kept = termsOf(text);
        terms += kept.length;
        const post = { _id: idOf(n + 1) as PostId, author: idOf(1 + (n % authors)) as UserId };
        return { ...post, text, terms: kept, created_at: n, revision: 0 };
      });
      await collection.insertMany(portion);
    }
    const { size } = statSync(join(runtimeOf(broker).config.DATA_DIR ?? "", "posts.db"));
    const each = (total: number) => Math.round(total / posts);
    return { terms_each: each(terms), file_bytes_each: each(size) };
  },
  async follow({ user, followed }: Follows) {
    const { edges } = local<Collections<typeof socialCollections>>("social");
    for (let made = 0; made < followed; made += PORTION) {
      const portion = Array.from({ length: Math.min(PORTION, followed - made) }, (_, i) => {
        const peer = idOf(made + i + 1) as UserId;
        // The user came later, and so has the higher id.
        const pair = { low: {}, high: { follows_since: Date.UTC(2025, 0, 1) + made + i } };
        return { _id: edgeId(user, peer), version: 1, ...edgeContent(pair, user, peer) };
      });
      await edges.insertMany(portion);
    }
  },
});

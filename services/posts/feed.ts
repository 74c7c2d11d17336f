/**
 * The feed: the posts of those whom a user follows, merged from their own lists when it is read. So it is right at once after every
 * follow, unfollow, block and deletion, and costs by whom one follows and what a page shows, never by how many posts there are.
 */
import type { PostId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { type Lists, NAMED, older, type Source } from "./lists.ts";
import type { PostDocument } from "./posts.store.ts";

/** Of whom a feed has posts at most: those whom the user followed last. */
export const MAX_FOLLOWED = 5_000;
/** Authors whose lists the database merges at once. */
const MERGED = 200;

/** @param followed asked once a page */
export function feedOf(
  posts: Collection<PostDocument>,
  lists: Lists,
  followed: () => Promise<UserId[]>,
): Source {
  let known: Promise<UserId[]> | undefined;
  return async (before, limit) => {
    known ??= followed();
    const portions = portionsOf(await known);
    const found = await Promise.all(
      portions.map(async (authors) => {
        const order = { sort: { _id: -1 }, limit: limit + 1, ...NAMED } as const;
        return (await posts.find({ author: { $in: authors }, ...older(before) }, order)).map(
          ({ _id }) => _id,
        );
      }),
    );
    const newest = found.flat().sort().reverse();
    const page = newest.slice(0, limit);
    return {
      posts: await lists.ofIds(page),
      reached: newest.length > limit ? (page.at(-1) as PostId) : undefined,
    };
  };
}

const portionsOf = (authors: UserId[]): UserId[][] =>
  Array.from({ length: Math.ceil(authors.length / MERGED) }, (_, i) =>
    authors.slice(i * MERGED, (i + 1) * MERGED),
  );

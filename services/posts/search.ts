/**
 * Posts by author and words: several conditions at once, each of which an index serves by itself. The list of the condition that the fewest
 * posts meet is walked, a portion at a time, and the others are asked which of that portion they have too. Which list that is,
 * the first portion of each tells: the one that goes furthest back in time is the sparsest there.
 */
import { invalidArgument } from "../../lib/errors.ts";
import type { PostId, UserId } from "../../lib/ids.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import { type Lists, NAMED, older, type Source, type Stretch } from "./lists.ts";
import type { PostDocument } from "./posts.store.ts";
import { wantedOf } from "./terms.ts";

type Condition = Filter<PostDocument>;

/** Posts that one stretch of a page walks: what it costs, however many meet each condition and however few meet all. */
const PORTION = 200;
/** Lists that are looked into to find the sparsest. */
const MAX_PROBES = 8;
const MAX_WORDS = 20;

export interface Wanted {
  author?: UserId | undefined;
  query?: string | undefined;
}

/** @throws INVALID_ARGUMENT for a query of too many words */
export function postsLike(posts: Collection<PostDocument>, lists: Lists, { author, query }: Wanted): Source {
  const words = query === undefined ? [] : wantedOf(query);
  if (query !== undefined && words.length === 0) return async () => ({ posts: [] });
  if (words.length > MAX_WORDS) {
    throw invalidArgument(`A query has at most ${MAX_WORDS} words.`, [
      { path: "query", message: `must not have more than ${MAX_WORDS} words` },
    ]);
  }
  const conditions: Condition[] = [
    ...(author === undefined ? [] : [{ author }]),
    // Long words are rarer, and so the first to be looked into.
    ...words.sort(([a = ""], [b = ""]) => b.length - a.length).map(($in) => ({ terms: { $in } })),
  ];
  const [first, second, ...more] = conditions;
  if (!first) return lists.all;
  return second ? matchingAll(posts, lists, [first, second, ...more]) : lists.matching(first);
}

function matchingAll(
  posts: Collection<PostDocument>,
  lists: Lists,
  conditions: [Condition, Condition, ...Condition[]],
): Source {
  const walk = async (condition: Condition, before: PostId | undefined): Promise<PostId[]> => {
    const order = { sort: { _id: -1 }, limit: PORTION, ...NAMED } as const;
    return (await posts.find({ ...condition, ...older(before) }, order)).map(({ _id }) => _id);
  };

  let sparsest: Condition | undefined;
  const portion = async (before: PostId | undefined): Promise<PostId[]> => {
    if (sparsest) return walk(sparsest, before);
    const probes = await Promise.all(
      conditions.slice(0, MAX_PROBES).map(async (condition) => ({
        condition,
        ids: await walk(condition, before),
      })),
    );
    const furthest = probes.reduce((best, probe) => (endOf(probe.ids) < endOf(best.ids) ? probe : best));
    sparsest = furthest.condition;
    return furthest.ids;
  };

  const meetingAll = async (ids: PostId[]): Promise<PostId[]> => {
    let left = ids;
    for (const condition of conditions) {
      if (condition === sparsest || left.length === 0) continue;
      const met = await posts.find({ ...condition, _id: { $in: left } }, { limit: PORTION, ...NAMED });
      const known = new Set(met.map(({ _id }) => _id));
      left = left.filter((id) => known.has(id));
    }
    return left;
  };

  return async (before, limit): Promise<Stretch> => {
    const walked = await portion(before);
    const matching = await meetingAll(walked);
    const wanted = matching.slice(0, limit);
    const whole = walked.length < PORTION ? undefined : walked.at(-1);
    return {
      posts: await lists.ofIds(wanted),
      reached: matching.length > limit ? wanted.at(-1) : whole,
    };
  };
}

/** A list that has come to its end goes further back than any other. */
const endOf = (ids: PostId[]): string => (ids.length < PORTION ? "" : (ids.at(-1) ?? ""));

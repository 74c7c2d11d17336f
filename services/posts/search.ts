/**
 * Posts by author and words: several conditions at once, each of which an index serves by itself. The list of the condition that the fewest
 * posts meet is walked, a portion at a time, and the others are asked which of that portion they have too. Which list that is,
 * the first portion of each tells: the one that goes furthest back in time is the sparsest there.
 */
import { invalidArgument } from "../../lib/errors.ts";
import type { PostId, UserId } from "../../lib/ids.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import { beyond, type Lists, NAMED, type Source, type Stretch, sortOf } from "./lists.ts";
import type { PostDocument } from "./posts.store.ts";
import { wantedOf } from "./terms.ts";

type Condition = Filter<PostDocument>;

/**
 * Posts that one stretch of a page walks, at most: what it costs, however many meet each condition and however few meet all. The
 * first walks twice as many as are wanted, each further one twice as many as the one before.
 */
const PORTION = 200;
/** So that a short page of few posts knows that it is the last. */
const LEAST = 10;
/** Lists that are looked into to find the sparsest. */
const MAX_PROBES = 8;
const MAX_WORDS = 20;

export interface Wanted {
  author?: UserId | undefined;
  query?: string | undefined;
}

/** @param portion posts that one stretch walks. @throws INVALID_ARGUMENT for a query of too many words */
export function postsLike(
  posts: Collection<PostDocument>,
  lists: Lists,
  { author, query }: Wanted,
  portion = PORTION,
): Source {
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
  const [first, ...more] = conditions;
  if (!first) return lists.all;
  if (more.length === 0) return lists.matching(first);
  return new Intersection(posts, lists, conditions, portion).read;
}

/** The posts that meet all of two conditions or more. Good for one page. */
class Intersection {
  readonly #posts: Collection<PostDocument>;
  readonly #lists: Lists;
  readonly #conditions: Condition[];
  readonly #portion: number;
  /** Of the stretch that is read. */
  #size = 0;
  #sparsest: Condition | undefined;

  constructor(posts: Collection<PostDocument>, lists: Lists, conditions: Condition[], portion: number) {
    this.#posts = posts;
    this.#lists = lists;
    this.#conditions = conditions;
    this.#portion = portion;
  }

  readonly read: Source = async (before, limit): Promise<Stretch> => {
    this.#size = Math.min(this.#portion, 2 * Math.max(this.#size, limit, LEAST));
    const walked = await (this.#sparsest ? this.#walk(this.#sparsest, before) : this.#probe(before));
    const matching = await this.#meetingAll(walked);
    const wanted = matching.slice(0, limit);
    const whole = walked.length < this.#size ? undefined : walked.at(-1);
    return {
      posts: await this.#lists.ofIds(wanted),
      reached: matching.length > limit ? wanted.at(-1) : whole,
    };
  };

  async #probe(before: PostId | undefined): Promise<PostId[]> {
    const asked = this.#conditions.slice(0, MAX_PROBES);
    const probes = await Promise.all(
      asked.map(async (condition) => ({ condition, ids: await this.#walk(condition, before) })),
    );
    const { condition, ids } = probes.reduce((best, probe) =>
      this.#isSparser(probe.ids, best.ids) ? probe : best,
    );
    this.#sparsest = condition;
    return ids;
  }

  async #walk(condition: Condition, before: PostId | undefined): Promise<PostId[]> {
    const { order } = this.#lists;
    const options = { sort: sortOf(order), limit: this.#size, ...NAMED } as const;
    return (await this.#posts.find({ ...condition, ...beyond(before, order) }, options)).map(
      ({ _id }) => _id,
    );
  }

  /** A list that has come to its end goes further back than any that has not. */
  #isSparser(ids: PostId[], than: PostId[]): boolean {
    if (ids.length !== than.length) return ids.length < than.length;
    const [end, otherEnd] = [ids.at(-1) ?? "", than.at(-1) ?? ""];
    return this.#lists.order === "asc" ? end > otherEnd : end < otherEnd;
  }

  async #meetingAll(ids: PostId[]): Promise<PostId[]> {
    let left = ids;
    for (const condition of this.#conditions) {
      if (condition === this.#sparsest || left.length === 0) continue;
      const met = await this.#posts.find(
        { ...condition, _id: { $in: left } },
        { limit: left.length, ...NAMED },
      );
      const known = new Set(met.map(({ _id }) => _id));
      left = left.filter((id) => known.has(id));
    }
    return left;
  }
}

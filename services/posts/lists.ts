/**
 * Lists of posts, newest first. Whatever is listed is read in stretches, each of bounded cost, going back in time. A page is full,
 * or at the end of the list, or it has read enough and says where to go on.
 */
import { decodeCursor, encodeCursor } from "../../lib/cursors.ts";
import type { PostId, UserId } from "../../lib/ids.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import { isLive, type LivePost, type PostDocument } from "./posts.store.ts";

export interface Stretch {
  /** Newest first, no more than were asked for. */
  posts: LivePost[];
  /** All that is newer was looked at. Absent at the end of the list. */
  reached?: PostId | undefined;
}

/** @param before only posts older than this one; where the oldest come first, newer */
export type Source = (before: PostId | undefined, limit: number) => Promise<Stretch>;

/** @property hiddenAmong which of some users, 100 at most, are not shown to the one who asks */
export interface WantedPage {
  limit: number;
  cursor: string | undefined;
  hiddenAmong(ids: UserId[]): Promise<ReadonlySet<string>>;
}

/** Stretches that a page reads. */
const MAX_READS = 10;
/** Of the texts of a page, in bytes: the whole has to fit into what NATS carries at once. */
const MAX_BYTES = 512 * 1024;

/** @param list names the list in cursors. @throws INVALID_ARGUMENT for a cursor of another one */
export async function pageOf(list: string, read: Source, { limit, cursor, hiddenAmong }: WantedPage) {
  const posts: LivePost[] = [];
  // What is no id is before or after all ids, which does no harm.
  let before = cursor === undefined ? undefined : (decodeCursor(list, cursor) as PostId);
  for (let reads = 0; reads < MAX_READS; reads += 1) {
    const stretch = await read(before, limit - posts.length);
    const hidden = await hiddenAmong(stretch.posts.map(({ author }) => author));
    posts.push(...stretch.posts.filter(({ author }) => !hidden.has(author)));
    before = stretch.reached;
    if (before === undefined || posts.length >= limit) break;
  }
  const fitting = howManyFit(posts);
  if (fitting < posts.length) before = posts[fitting - 1]?._id;
  return {
    posts: posts.slice(0, fitting),
    next_cursor: before === undefined ? null : encodeCursor(list, before),
  };
}

function howManyFit(posts: LivePost[]): number {
  let bytes = 0;
  const tooMuch = posts.findIndex(({ text = "" }) => {
    bytes += Buffer.byteLength(JSON.stringify(text));
    return bytes > MAX_BYTES;
  });
  return tooMuch < 0 ? posts.length : tooMuch;
}

/** Stretches that a page by offset reads: as far as such lists go, and as much again for what is hidden. */
const MAX_STRETCHES = 200;
const STRETCH = 100;

/** A page that begins behind `offset` others. Reads those too. */
export async function pageAt(
  read: Source,
  { offset, limit, hiddenAmong }: Pick<WantedPage, "limit" | "hiddenAmong"> & { offset: number },
): Promise<LivePost[]> {
  const posts: LivePost[] = [];
  let passed = 0;
  let from: PostId | undefined;
  for (let reads = 0; reads < MAX_STRETCHES; reads += 1) {
    const stretch = await read(from, STRETCH);
    const hidden = await hiddenAmong(stretch.posts.map(({ author }) => author));
    const visible = stretch.posts.filter(({ author }) => !hidden.has(author));
    posts.push(...visible.slice(Math.max(0, offset - passed)));
    passed += visible.length;
    from = stretch.reached;
    if (from === undefined || posts.length >= limit) break;
  }
  return posts.slice(0, limit);
}

/** @param rows one more than `limit`, where there are so many */
export function stretchOf(rows: PostDocument[], limit: number): Stretch {
  const reached = rows.length > limit ? rows[limit - 1]?._id : undefined;
  return { posts: rows.slice(0, limit).filter(isLive), reached };
}

/** Newest first is `desc`. */
export type Order = "asc" | "desc";

/** What comes behind a post in an order. */
export const beyond = (from: PostId | undefined, order: Order): Filter<PostDocument> => {
  if (from === undefined) return {};
  return { _id: order === "asc" ? { $gt: from } : { $lt: from } };
};

export const older = (before: PostId | undefined) => beyond(before, "desc");

export const sortOf = (order: Order) => ({ _id: order === "asc" ? 1 : -1 }) as const;

/** Not the terms: there may be thousands. */
export const SHOWN = { omit: ["terms"] } as const;
/** Of posts of which only some are shown in the end. */
export const NAMED = { omit: ["terms", "text"] } as const;

export class Lists {
  readonly order: Order;
  readonly #posts: Collection<PostDocument>;

  constructor(posts: Collection<PostDocument>, order: Order = "desc") {
    this.#posts = posts;
    this.order = order;
  }

  readonly all: Source = async (before, limit) => {
    const rows = await this.#posts.page({
      prefix: "",
      ...(before === undefined ? {} : { after: before }),
      order: this.order,
      limit: limit + 1,
      where: { deleted_at: null },
      ...SHOWN,
    });
    return stretchOf(rows, limit);
  };

  /** Those that an index knows under what the filter says. */
  matching(filter: Filter<PostDocument>): Source {
    return async (before, limit) => {
      const found = await this.#posts.find(
        { ...filter, ...beyond(before, this.order) },
        { sort: sortOf(this.order), limit: limit + 1, ...SHOWN },
      );
      return stretchOf(found, limit);
    };
  }

  /** Whole, in order, without those that are gone meanwhile. @param ids 1000 at most */
  async ofIds(ids: PostId[]): Promise<LivePost[]> {
    if (ids.length === 0) return [];
    const posts = await this.#posts.findByIds(ids, SHOWN);
    const newestFirst = posts.filter(isLive).sort((a, b) => (a._id < b._id ? 1 : -1));
    return this.order === "desc" ? newestFirst : newestFirst.reverse();
  }
}

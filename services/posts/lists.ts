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

/** @param before only posts older than this one */
export type Source = (before: PostId | undefined, limit: number) => Promise<Stretch>;

/** @property hiddenAmong which of some users, 100 at most, are not shown to the one who asks */
export interface WantedPage {
  limit: number;
  cursor: string | undefined;
  hiddenAmong(ids: UserId[]): Promise<ReadonlySet<string>>;
}

/** Stretches that a page reads. */
const MAX_READS = 10;

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
  return { posts, next_cursor: before === undefined ? null : encodeCursor(list, before) };
}

/** @param rows one more than `limit`, where there are so many */
export function stretchOf(rows: PostDocument[], limit: number): Stretch {
  const reached = rows.length > limit ? rows[limit - 1]?._id : undefined;
  return { posts: rows.slice(0, limit).filter(isLive), reached };
}

export const older = (before: PostId | undefined): Filter<PostDocument> =>
  before === undefined ? {} : { _id: { $lt: before } };

/** Not the terms: there may be thousands. */
export const SHOWN = { omit: ["terms"] } as const;
/** Of posts of which only some are shown in the end. */
export const NAMED = { omit: ["terms", "text"] } as const;

export class Lists {
  readonly #posts: Collection<PostDocument>;

  constructor(posts: Collection<PostDocument>) {
    this.#posts = posts;
  }

  readonly all: Source = async (before, limit) => {
    const rows = await this.#posts.page({
      prefix: "",
      ...(before === undefined ? {} : { after: before }),
      order: "desc",
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
        { ...filter, ...older(before) },
        { sort: { _id: -1 }, limit: limit + 1, ...SHOWN },
      );
      return stretchOf(found, limit);
    };
  }

  /** Whole, newest first, without those that are gone meanwhile. @param ids 1000 at most */
  async ofIds(ids: PostId[]): Promise<LivePost[]> {
    if (ids.length === 0) return [];
    const posts = await this.#posts.findByIds(ids, SHOWN);
    return posts.filter(isLive).sort((a, b) => (a._id < b._id ? 1 : -1));
  }
}

/** Pages by offset, for clients that know no cursor. */
import type { Collection, PageQuery } from "./definition.ts";
import type { Document } from "./document.ts";

const PORTION = 1_000;

interface OffsetPage {
  /** How many are passed over. All of them are read, a portion at a time: bounded by who calls it. */
  offset: number;
  limit: number;
}

/** @param query what the whole list would be read by */
export async function pageAtOffset<D extends Document>(
  collection: Pick<Collection<D>, "page">,
  query: Omit<PageQuery<D>, "limit" | "after">,
  { offset, limit }: OffsetPage,
): Promise<D[]> {
  let after: string | undefined;
  for (let left = offset; ; ) {
    const portion = left > 0 ? Math.min(left, PORTION) : limit;
    const rows = await collection.page({
      ...query,
      ...(after === undefined ? {} : { after }),
      limit: portion,
    });
    if (left === 0) return rows;
    const last = rows.at(-1);
    if (!last || rows.length < portion) return [];
    // An index of a page is always a field of strings.
    after = String(last[query.index ?? ("_id" as keyof D & string)]);
    left -= portion;
  }
}

/**
 * Cursors of paged lists: opaque to clients, validated here, so that garbage gets a 400 and not another list's page.
 * A cursor says which list it is of and the key after which the next page starts. It grants nothing: the list is still
 * chosen, and access to it checked, by the request.
 */
import { z } from "zod";
import { invalidArgument } from "./errors.ts";

export const MAX_LIMIT = 100;
/** Of one page that shows something. */
const MAX_READS = 10;

/** The parameters of every paged list. */
export const pageParams = {
  limit: z.int().min(1).max(MAX_LIMIT).default(20),
  cursor: z.string().max(512).optional(),
};

/** How far a list goes that is paged by offset: everything before the page is read, and thrown away. */
export const MAX_OFFSET = 10_000;

/** The parameters of a list that is paged by offset: of the older dialects. */
export const offsetParams = {
  offset: z
    .int()
    .min(0)
    .max(MAX_OFFSET, `must be at most ${MAX_OFFSET}: this list goes no further`)
    .default(0),
  limit: pageParams.limit,
  order: z.enum(["asc", "desc"]).default("desc").describe("by time"),
};

const Payload = z.tuple([z.string(), z.string()]);

export const encodeCursor = (list: string, after: string): string =>
  Buffer.from(JSON.stringify([list, after])).toString("base64url");

/** @throws INVALID_ARGUMENT for a cursor that is none, or of another list */
export function decodeCursor(list: string, cursor: string): string {
  const payload = Payload.safeParse(parseJson(Buffer.from(cursor, "base64url").toString()));
  if (!payload.success || payload.data[0] !== list) {
    throw invalidArgument("The cursor is not one of this list.", [
      { path: "cursor", message: "must be a next_cursor of the same list" },
    ]);
  }
  return payload.data[1];
}

/**
 * One page of a list from `limit + 1` rows: the extra row only tells that there is a next page.
 * @param keyOf the key of a row that the list is ordered by
 */
export function toPage<T>(list: string, rows: T[], limit: number, keyOf: (row: T) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, next_cursor: more ? encodeCursor(list, keyOf(last)) : null };
}

interface VisibleList<T> {
  list: string;
  limit: number;
  cursor?: string | undefined;
  keyOf(row: T): string;
  /** The rows after a key, `MAX_LIMIT` at most. */
  read(range: { after?: string; limit: number }): Promise<T[]>;
  /** Those of some rows that the reader may see. */
  visible(rows: T[]): Promise<T[]>;
}

/**
 * One page of a list of which its reader may not see all: reads on behind what is hidden. A cursor is made of a row that was shown,
 * for it can be read, and must not name who hides. So the page may be short where much is hidden, but is never empty with more to come.
 */
export async function visiblePage<T>({ list, limit, cursor, keyOf, read, visible }: VisibleList<T>) {
  const seen: T[] = [];
  let after = cursor === undefined ? undefined : decodeCursor(list, cursor);
  for (let reads = 1; ; reads += 1) {
    const asked = reads === 1 ? Math.min(MAX_LIMIT, limit + 1) : MAX_LIMIT;
    const rows = await read({ ...(after === undefined ? {} : { after }), limit: asked });
    const last = rows.at(-1);
    if (last !== undefined) after = keyOf(last);
    seen.push(...(await visible(rows)));
    if (rows.length < asked || seen.length > limit) return toPage(list, seen, limit, keyOf);
    const shown = seen.at(-1);
    if (reads >= MAX_READS && shown !== undefined) {
      return { items: seen, next_cursor: encodeCursor(list, keyOf(shown)) };
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

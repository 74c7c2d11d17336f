/** Values as the dialects write them, and ours. */
import { z } from "zod";
import { type ErrorCode, hasCode, VecheError } from "../../../lib/errors.ts";
import { ConversationIdSchema, PostIdSchema, UserIdSchema } from "../../../lib/ids.ts";

/** Ids that are JSON numbers: 53 bits, so none is rounded. */
const number = z.int().min(0).transform(String);
export const UserNumber = number.pipe(UserIdSchema);
export const RoomNumber = number.pipe(ConversationIdSchema);
export const PostNumber = number.pipe(PostIdSchema);

/** @param id null of a deleted account: 0, which is nobody's */
export const numberOf = (id: string | null): number => Number(id ?? 0);

/** RFC 3339. @param unixMs milliseconds since 1970 */
export const timeOf = (unixMs: number): string => new Date(unixMs).toISOString();

export const Time = z.iso.datetime();

/** Longest unpaged list. */
export const MAX_UNPAGED = 1_000;
/** Of its JSON. */
export const MAX_UNPAGED_BYTES = 1024 * 1024;
const PAGE = 100;

/** The pages of a list as one list, as far as an unpaged one goes. */
export async function unpaged<T>(
  page: (wanted: { limit: number; cursor?: string }) => Promise<{ items: T[]; next_cursor: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let bytes = "[]".length;
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const item of items) {
      bytes += Buffer.byteLength(JSON.stringify(item)) + ",".length;
      if (bytes > MAX_UNPAGED_BYTES) return all;
      all.push(item);
      if (all.length === MAX_UNPAGED) return all;
    }
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

/** What an action answers; with `code` where it refuses with `from`: this dialect tells the two apart, or does not. */
export async function retold<T>(
  asked: Promise<T>,
  from: ErrorCode,
  code: ErrorCode,
  message: string,
): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (hasCode(error, from)) throw new VecheError(code, message);
    throw error;
  }
}

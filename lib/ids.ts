/**
 * Ids of users, rooms, chats, posts and photos: one 53-bit number, so that it sorts by time and fits a JSON number.
 *
 *     41 bits  milliseconds since 2025-01-01 (until 2094)
 *     11 bits  a counter of this process with a random start
 *      1 bit   of a conversation, what it is: 0 a direct chat, 1 a room; else 0
 *
 * Kept and shown as a zero-padded 16-digit string. Two processes can make the same one: the unique `_id` refuses the
 * second, which tries again.
 */
import { randomInt, randomUUID } from "node:crypto";
import { z } from "zod";

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

export type UserId = Branded<string, "UserId">;
export type ConversationId = Branded<string, "ConversationId">;
export type PhotoId = Branded<string, "PhotoId">;
export type PostId = Branded<string, "PostId">;
/** A session's id: a UUID, so that it can't be guessed from another. */
export type SessionId = Branded<string, "SessionId">;

const EPOCH = Date.UTC(2025, 0, 1);
const COUNTERS = 2 ** 11;
const DIGITS = 16;
const MAX = String(Number.MAX_SAFE_INTEGER);

let counter = randomInt(COUNTERS);
let latest = 0;
let madeInLatest = 0;

/** A process that makes more than 2,048 within one millisecond borrows from the next. */
function makeId(kind: 0 | 1): string {
  const now = Date.now() - EPOCH;
  if (now > latest) {
    latest = now;
    madeInLatest = 0;
  } else if (madeInLatest >= COUNTERS) {
    latest += 1;
    madeInLatest = 0;
  }
  madeInLatest += 1;
  counter = (counter + 1) % COUNTERS;
  // Beyond 2^32, so arithmetic, not bit operations.
  return String((latest * COUNTERS + counter) * 2 + kind).padStart(DIGITS, "0");
}

export const newUserId = () => makeId(0) as UserId;
export const newDirectChatId = () => makeId(0) as ConversationId;
export const newRoomId = () => makeId(1) as ConversationId;
export const newPhotoId = () => makeId(0) as PhotoId;
export const newPostId = () => makeId(0) as PostId;
export const newSessionId = () => randomUUID() as SessionId;

/**
 * Ids of what was imported: numbered, so in the order of the import, and before all that are made by the clock, none of which
 * they can clash with.
 * @param number from 1; each given to one thing only
 * @param kind as the last bit tells it
 */
export const importedId = (number: number, kind: 0 | 1): string => kept(String(number * 2 + kind));

export const isRoom = (id: ConversationId): boolean => Number(id.at(-1)) % 2 === 1;

/** When an id was made, in milliseconds since 1970. */
export const idTime = (id: UserId | ConversationId | PhotoId): number =>
  Math.floor(Number(id) / (COUNTERS * 2)) + EPOCH;

const kept = (digits: string) => digits.padStart(DIGITS, "0");

/** Accepts 1 to 16 digits up to 2^53-1, with or without the zeros in front, and gives the kept form. */
const idSchema = z
  .string()
  .regex(/^[0-9]{1,16}$/, "must be an id: up to 16 digits")
  .refine((digits) => kept(digits) <= MAX, "must be an id: at most 2^53-1");

export const UserIdSchema = idSchema.transform((digits) => kept(digits) as UserId);
export const ConversationIdSchema = idSchema.transform((digits) => kept(digits) as ConversationId);
export const PhotoIdSchema = idSchema.transform((digits) => kept(digits) as PhotoId);
export const PostIdSchema = idSchema.transform((digits) => kept(digits) as PostId);
export const SessionIdSchema = z.uuid().transform((id) => id.toLowerCase() as SessionId);

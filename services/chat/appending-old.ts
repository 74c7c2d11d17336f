/** Appends entries of older systems: many at once, of any conversations, with their own times, and each once. */
import { setTimeout as sleep } from "node:timers/promises";
import { unavailable } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import type { EntryDocument } from "./chat.store.ts";
import { type Draft, entryAfter, nonceKey, type Tail, tailOf } from "./entries.ts";
import type { Log } from "./group-commit.ts";

const ATTEMPTS = 50;
const LONGEST_PAUSE_MS = 100;

/** A draft, and where it goes. */
export interface Placed {
  conversation: ConversationId;
  draft: Draft;
}

export interface Appended {
  /** Of the drafts, in their order: whether it was appended now. */
  isNew: boolean[];
  /** Of the drafts, in their order: whether its time is later than it says, since the log had come further. */
  isLater: boolean[];
  /** In the order of the logs; of those that were there before too, so that what follows from them can be repeated. */
  entries: EntryDocument[];
}

/** As `MessageLog.appendOld`. */
export async function appendOld(log: Log, drafts: Placed[]): Promise<Appended> {
  const keys = drafts.map(({ conversation, draft }) => nonceKey(conversation, draft));
  const kept = new Map<string, EntryDocument>();
  const before = await keptUnder(log, keys, kept);
  for (let attempt = 0; ; attempt += 1) {
    const left = drafts.filter((_, i) => !kept.has(keys[i] ?? ""));
    if (left.length === 0) break;
    if (attempt > ATTEMPTS) throw unavailable();
    // Somebody else writes to one of these conversations.
    if (attempt > 1) await sleep(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS));
    const inserted = await insertBehind(log, left);
    for (const entry of inserted) kept.set(entry.nonce_key, entry);
    // A nonce that was refused may be that of another import of the same, or stand twice among these.
    if (inserted.length < left.length) await keptUnder(log, keys, kept);
  }
  const seen = new Set(before);
  const isNew = keys.map((key) => {
    const first = !seen.has(key);
    seen.add(key);
    return first;
  });
  const isLater = drafts.map(
    ({ draft: { at = Number.POSITIVE_INFINITY } }, i) => (kept.get(keys[i] ?? "")?.sent_at ?? 0) > at,
  );
  return { isNew, isLater, entries: keys.flatMap((key) => kept.get(key) ?? []) };
}

/** @returns the entries that are kept: the first ones, up to a refusal */
async function insertBehind(log: Log, placed: Placed[]): Promise<EntryDocument[]> {
  const tails = new Map<ConversationId, Tail>();
  const conversations = [...new Set(placed.map(({ conversation }) => conversation))];
  await Promise.all(conversations.map(async (id) => tails.set(id, await log.tail(id))));
  const entries: EntryDocument[] = [];
  const seen = new Set<string>();
  for (const { conversation, draft } of placed) {
    const tail = tails.get(conversation);
    const key = nonceKey(conversation, draft);
    if (!tail || seen.has(key)) continue;
    seen.add(key);
    const entry = entryAfter(tail, conversation, draft);
    entries.push(entry);
    tails.set(conversation, tailOf(entry));
  }
  try {
    const { inserted } = await log.messages.insertMany(entries);
    const kept = entries.slice(0, inserted);
    if (inserted < entries.length) for (const id of conversations) log.setTail(id, undefined);
    else for (const [id, tail] of tails) log.setTail(id, tail);
    return kept;
  } catch (error) {
    // They may have been kept or not: nobody knows what the tails are.
    for (const id of conversations) log.setTail(id, undefined);
    throw error;
  }
}

/** Adds what is kept under these nonces. @returns the nonces of all of it */
async function keptUnder(log: Log, keys: string[], kept: Map<string, EntryDocument>): Promise<string[]> {
  const unknown = [...new Set(keys.filter((key) => !kept.has(key)))];
  if (unknown.length === 0) return [];
  const found = await log.messages.find({ nonce_key: { $in: unknown } }, { limit: unknown.length });
  for (const entry of found) kept.set(entry.nonce_key, entry);
  return found.map(({ nonce_key }) => nonce_key);
}

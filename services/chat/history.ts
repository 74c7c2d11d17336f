/** Pages of a conversation's history. */
import { decodeCursor, encodeCursor } from "../../lib/cursors.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import type { Message } from "./chat.contract.ts";
import type { EntryDocument } from "./chat.store.ts";
import { messageOf } from "./entries.ts";
import type { MessageLog } from "./message-log.ts";

export interface HistoryPage {
  messages: Message[];
  /** Up to where the page is true: the tail, or the end of a page read forward that is not the last. */
  seq: number;
  next_cursor: string | null;
}

interface HistoryQuery {
  limit: number;
  cursor?: string | undefined;
  /** Reads forward from behind this seq. */
  after?: number | undefined;
  /** Reads back from before this seq. */
  before?: number | undefined;
}

/** @throws INVALID_ARGUMENT for a cursor that is none of this conversation */
export async function readHistory(
  log: MessageLog,
  conversation: ConversationId,
  { limit, cursor, after, before }: HistoryQuery,
): Promise<HistoryPage> {
  const list = `messages of ${conversation}`;
  const from = cursor === undefined ? before : seqOf(decodeCursor(list, cursor));
  const { seq } = await log.readTail(conversation);
  // A client subscribes behind this tail, and does not hear of what was changed before.
  await log.changes.settle(conversation);
  if (after !== undefined) {
    const entries = await log.readShownForward(conversation, after, limit);
    const last = entries.at(-1)?.seq ?? 0;
    // Of a page that is not the last, where it ends: reading on, or subscribing, from there misses nothing.
    return page(entries, entries.length === limit ? last : Math.max(seq, last), null);
  }
  // From the tail that was noted, so that what is appended meanwhile comes by subscription and not twice.
  const entries = await log.readShownBack(conversation, Math.min(from ?? seq + 1, seq + 1), limit);
  const last = entries.at(-1);
  const more = last !== undefined && entries.length === limit && last.seq > 1;
  return page(entries, seq, more ? encodeCursor(list, String(last.seq)) : null);
}

const page = (entries: EntryDocument[], seq: number, next_cursor: string | null): HistoryPage => ({
  messages: entries.map(messageOf),
  seq,
  next_cursor,
});

function seqOf(text: string): number {
  const seq = Number(text);
  if (!Number.isSafeInteger(seq) || seq < 1) throw invalidArgument("The cursor is not one of this list.");
  return seq;
}

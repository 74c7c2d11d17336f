/** Entries of the log as clients see them, and how a new one follows from the tail. */
import { createHash } from "node:crypto";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Entry, EntryFrame, Message } from "./chat.contract.ts";
import { type EntryDocument, entryId, seqOfEntry } from "./chat.store.ts";

/** What is to be appended: by a client, or, of the types `join` and `leave`, by the owner of a room's members. */
export type Draft = {
  sender: UserId;
  nonce: string;
  /** When it was, where that was before (milliseconds since 1970). */
  at?: number;
} & (
  | { type: "message"; text: string; imported?: true }
  | { type: "edit"; target: number; text: string }
  | { type: "delete"; target: number }
  | { type: "join" | "leave" }
);

/** Whether somebody asks for it who may have lost the right to. */
export const isOfClient = (draft: Draft): boolean =>
  draft.type !== "join" && draft.type !== "leave" && !("imported" in draft);

/** An edit or a deletion: it changes another entry, and is not shown by itself. */
export type Change = EntryDocument & { type: "edit" | "delete"; target: string };

export const isChange = (entry: EntryDocument): entry is Change => entry.target !== undefined;

/** What the next entry follows from. */
export interface Tail {
  seq: number;
  sent_at: number;
  messages: number;
}

export const EMPTY: Tail = { seq: 0, sent_at: 0, messages: 0 };

export const tailOf = ({ seq, sent_at, messages }: EntryDocument): Tail => ({ seq, sent_at, messages });

export function entryAfter(tail: Tail, conversation: ConversationId, draft: Draft): EntryDocument {
  const seq = tail.seq + 1;
  const _id = entryId(conversation, seq);
  const now = Date.now();
  return {
    _id,
    conversation,
    seq,
    type: draft.type,
    sender_id: draft.sender,
    text: "text" in draft ? draft.text : "",
    // Clocks differ and go back; time within a log does not.
    sent_at: Math.max(draft.at === undefined ? now : Math.min(draft.at, now), tail.sent_at),
    messages: tail.messages + (draft.type === "message" ? 1 : 0),
    nonce_key: nonceKey(conversation, draft),
    digest: digestOf(draft),
    ...("target" in draft ? { target: entryId(conversation, draft.target), owed: _id } : { shown: _id }),
  };
}

export const nonceKey = (conversation: ConversationId, draft: Draft): string =>
  isOfClient(draft) ? `${conversation}.${draft.sender}.${draft.nonce}` : `${conversation}.${draft.nonce}`;

/** Tells a request from another with the same nonce. */
export function digestOf(draft: Draft): string {
  const said = [
    draft.type,
    ...("target" in draft ? [draft.target] : []),
    ...("text" in draft ? [draft.text] : []),
  ];
  return createHash("sha256").update(JSON.stringify(said)).digest("base64url");
}

/** @param entry none that changes another */
export const messageOf = (entry: EntryDocument): Message => ({
  id: entry._id,
  conversation_id: entry.conversation,
  seq: entry.seq,
  sender_id: entry.sender_id,
  type: entry.type === "join" || entry.type === "leave" ? entry.type : "message",
  text: entry.text,
  sent_at_unix_ms: entry.sent_at,
  ...(entry.edited_at === undefined ? {} : { edited_at_unix_ms: entry.edited_at }),
  ...(entry.deleted ? { deleted: true } : {}),
});

export const publishedOf = (entry: EntryDocument): Entry => ({
  seq: entry.seq,
  frame: JSON.stringify(frameOf(entry)),
  ...(entry.type === "leave" && entry.sender_id !== null ? { left: entry.sender_id } : {}),
});

function frameOf(entry: EntryDocument): EntryFrame {
  if (!isChange(entry)) return { op: "message", ...messageOf(entry) };
  const { type, conversation, seq, text, sent_at } = entry;
  const about = { conversation, seq, target: seqOfEntry(entry.target) };
  return type === "delete"
    ? { op: "deleted", ...about }
    : { op: "edited", ...about, text, edited_at_unix_ms: sent_at };
}

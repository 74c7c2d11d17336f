/** Entries of the log as clients see them, and how a new one follows from the tail. */
import { createHash } from "node:crypto";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Entry, Message } from "./chat.contract.ts";
import { type EntryDocument, entryId } from "./chat.store.ts";

/** What a client asks to have appended. */
export interface Draft {
  sender: UserId;
  text: string;
  nonce: string;
}

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
  return {
    _id: entryId(conversation, seq),
    conversation,
    seq,
    type: "message",
    sender_id: draft.sender,
    text: draft.text,
    // Clocks differ and go back; time within a log does not.
    sent_at: Math.max(Date.now(), tail.sent_at),
    messages: tail.messages + 1,
    nonce_key: nonceKey(conversation, draft),
    digest: digestOf(draft),
  };
}

export const nonceKey = (conversation: ConversationId, { sender, nonce }: Draft): string =>
  `${conversation}.${sender}.${nonce}`;

/** Tells a request from another with the same nonce. */
export const digestOf = ({ text }: Draft): string =>
  createHash("sha256")
    .update(JSON.stringify(["message", text]))
    .digest("base64url");

export const messageOf = (entry: EntryDocument): Message => ({
  id: entry._id,
  conversation_id: entry.conversation,
  seq: entry.seq,
  sender_id: entry.sender_id,
  type: entry.type,
  text: entry.text,
  sent_at_unix_ms: entry.sent_at,
});

export const publishedOf = (entry: EntryDocument): Entry => ({
  seq: entry.seq,
  frame: JSON.stringify({ op: "message", ...messageOf(entry) }),
});

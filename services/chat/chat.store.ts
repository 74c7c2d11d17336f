/** The collections of direct chats and of the entries of all conversations. */
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface ChatDocument {
  _id: ConversationId;
  /** Both users, the lower id first: `<id>.<id>`. */
  pair: string;
  user_ids: UserId[];
  created_at: number;
}

export interface EntryDocument {
  /** `<conversation>.<seq, padded>`: uniqueness, order and pages in one key. */
  _id: string;
  conversation: ConversationId;
  seq: number;
  type: "message";
  sender_id: UserId | null;
  text: string;
  sent_at: number;
  /** How many entries up to this one are messages, itself included. */
  messages: number;
  /** `<conversation>.<sender>.<nonce>`. Not made of `sender_id`, which becomes null with the account. */
  nonce_key: string;
  /** Of the request as it was first made. */
  digest: string;
}

export const chatCollections = {
  chats: defineCollection<ChatDocument>({ name: "chats", indexes: [{ fields: ["pair"], unique: true }] }),
  messages: defineCollection<EntryDocument>({
    name: "messages",
    indexes: [{ fields: ["nonce_key"], unique: true }],
  }),
};

const SEQ_DIGITS = 16;

export const entryId = (conversation: ConversationId, seq: number): string =>
  `${conversation}.${String(seq).padStart(SEQ_DIGITS, "0")}`;

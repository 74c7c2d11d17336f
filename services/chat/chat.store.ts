/** The collections of direct chats and of the entries of all conversations. */
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface ChatDocument {
  _id: ConversationId;
  /** Both users, the lower id first: `<id>.<id>`. The chat's own id once one of them has deleted their account. */
  pair: string;
  /** Without those who have deleted their account. */
  user_ids: UserId[];
  created_at: number;
  /** Of the last message, 0 before the first. Behind the log for a moment. */
  last_seq: number;
  /** How many messages there were up to it. */
  messages: number;
  /** `<its time, or that of the chat, padded>.<chat>` */
  activity: string;
}

export interface EntryDocument {
  /** `<conversation>.<seq, padded>`: uniqueness, order and pages in one key. */
  _id: string;
  conversation: ConversationId;
  seq: number;
  type: "message" | "join" | "leave" | "edit" | "delete";
  /** Of `join` and `leave` who came or went. Null once the account was deleted. */
  sender_id: UserId | null;
  /** Of an edit, what its target says from then on. Empty once the message it belongs to was deleted. */
  text: string;
  sent_at: number;
  /** How many entries up to this one are messages, itself included. */
  messages: number;
  /**
   * `<conversation>.<sender>.<nonce>`; the entry's `_id` once the sender's account was deleted. Of `join` and `leave`
   * `<conversation>.<type>:<membership>`, and of imported messages `<conversation>.import:<system>.<id there>`.
   */
  nonce_key: string;
  /** Of the request as it was first made. */
  digest: string;
  /** Of what history shows, which is all but edits and deletions: its own `_id`. However many of those lie between, pages cost the same. */
  shown?: string;
  /** Of an edit or a deletion: the `_id` of the message that it changes. */
  target?: string;
  /** Of an edit or a deletion, until it was applied to its target: its own `_id`. */
  owed?: string;
  /** Of a message: when it was edited last, and whether it was deleted. */
  edited_at?: number;
  deleted?: true;
  /** Of a message: the `seq` of the edit or deletion that was applied last. */
  changed_by?: number;
  /** Of a message: how many edits were applied. */
  edits?: number;
}

/** Of a room, what a direct chat's own document says. */
export interface RoomHeadDocument {
  _id: ConversationId;
  /** Of the last message. Behind the log for a moment. */
  last_seq: number;
  /** How many messages there were up to it. */
  messages: number;
}

export interface ReadMarkerDocument {
  /** `<conversation>.<user>` */
  _id: string;
  user_id: UserId;
  /** The last entry that was read, and how many messages there were up to it. */
  seq: number;
  messages: number;
}

export const chatCollections = {
  chats: defineCollection<ChatDocument>({
    name: "chats",
    indexes: [{ fields: ["pair"], unique: true }, { fields: ["user_ids", "activity"] }],
  }),
  messages: defineCollection<EntryDocument>({
    name: "messages",
    indexes: [
      { fields: ["nonce_key"], unique: true },
      { fields: ["shown"] },
      { fields: ["target"] },
      { fields: ["owed"] },
      { fields: ["sender_id"] },
    ],
  }),
  rooms: defineCollection<RoomHeadDocument>({ name: "room_heads" }),
  markers: defineCollection<ReadMarkerDocument>({ name: "read_markers", indexes: [{ fields: ["user_id"] }] }),
};

const SEQ_DIGITS = 16;

export const entryId = (conversation: ConversationId, seq: number): string =>
  `${conversation}.${String(seq).padStart(SEQ_DIGITS, "0")}`;

/** Not of one who sent it: no nonce of a client has a colon. */
export const isOfSystem = (nonceKey: string): boolean => nonceKey.includes(":");

export const activityKey = (conversation: ConversationId, time: number): string =>
  `${String(time).padStart(16, "0")}.${conversation}`;

export const markerId = (conversation: ConversationId, user: UserId): string => `${conversation}.${user}`;

export const userOfMarker = (id: string) => id.slice(id.indexOf(".") + 1) as UserId;

export const seqOfEntry = (id: string): number => Number(id.slice(-SEQ_DIGITS));

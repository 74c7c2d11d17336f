/** Direct chats, and the messages of every conversation. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { MAX_LIMIT, pageParams } from "../../lib/cursors.ts";
import { ConversationIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { Refusal } from "../../lib/refusal.ts";
import { textOf } from "../../lib/text.ts";
import { ImportedTime } from "../imports/imports.contract.ts";

export const MAX_TEXT = 2_000;

export const MessageText = textOf(MAX_TEXT).refine((text) => text.trim() !== "", "must not be empty");

/** Chosen by the client: the same nonce from the same sender makes one message, however often it is sent. */
export const Nonce = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -");

export const Message = z
  .object({
    id: z.string(),
    conversation_id: z.string(),
    seq: z.int().min(1),
    sender_id: z
      .string()
      .nullable()
      .describe("who wrote, joined or left; null once that account was deleted"),
    type: z.enum(["message", "join", "leave"]),
    text: z.string(),
    sent_at_unix_ms: z.int(),
    edited_at_unix_ms: z.int().optional(),
    deleted: z.boolean().optional(),
  })
  .meta({ id: "Message" });

export const Chat = z
  .object({
    id: z.string(),
    participant_ids: z.array(z.string()).describe("both users, the lower id first; without deleted accounts"),
    created_at_unix_ms: z.int(),
  })
  .meta({ id: "Chat" });

/** How a conversation stands for one user. */
export const ConversationState = z.object({
  last_message: Message.nullable(),
  unread_count: z.int().min(0),
});

export const ChatSummary = Chat.extend(ConversationState.shape).meta({ id: "ChatSummary" });

const seq = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const entrySeq = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/**
 * An entry of the log as gateways get it: published, or read. `frame` goes to clients as it is. `left` is who is no longer a
 * member from here on.
 */
export const Entry = z.object({ seq: z.int().min(1), frame: z.string(), left: z.string().optional() });

/** Published when a room is gone: nothing comes any more. */
export const Closing = z.object({ closed: z.literal(true) });

/**
 * What others who read along are told, and what is not kept. `frame` goes to the clients of all users but `from`, once the log
 * was delivered up to the seq `behind`: by then whoever was removed before is not among them.
 */
export const Signal = z.object({ from: z.string(), behind: z.int().min(0), frame: z.string() });

const conversation = z.string();
const changed = {
  conversation,
  seq: entrySeq.describe("the entry's own"),
  target: entrySeq.describe("the message's"),
};

/** The frames of entries, as clients get them. */
export const entryFrames = {
  message: Message.extend({ op: z.literal("message") }).describe("Somebody wrote, joined or left"),
  edited: z
    .object({ op: z.literal("edited"), ...changed, text: z.string(), edited_at_unix_ms: z.int() })
    .describe("A message says something else from now on"),
  deleted: z
    .object({ op: z.literal("deleted"), ...changed })
    .describe("A message lost its text for good; an edit of it that comes later changes nothing"),
};

/** The frames of what is not kept. Who is not there misses them. */
export const chatSignals = {
  read: z
    .object({ op: z.literal("read"), conversation, user_id: z.string(), seq })
    .describe("Another has read everything up to `seq`"),
  typing: z
    .object({ op: z.literal("typing"), conversation, user_id: z.string() })
    .describe("Another is writing something"),
  chat_created: z
    .object({ op: z.literal("chat_created"), chat: Chat })
    .describe("Somebody opened a chat with the user"),
};

export type EntryFrame = z.output<(typeof entryFrames)[keyof typeof entryFrames]>;
export type ChatSignal = z.output<(typeof chatSignals)[keyof typeof chatSignals]>;

/** Of the longest, as three bytes each, not a tenth of what NATS carries in one message. */
export const MAX_SENT_AT_ONCE = 16;

/** How many conversations one call compares. */
export const MAX_TAILS = 1_000;

/** That a conversation's log goes up to `seq`, or was seen to. */
export const TailSeq = z.strictObject({ conversation: ConversationIdSchema, seq });

export type Closing = z.output<typeof Closing>;
export type ConversationState = z.output<typeof ConversationState>;
export type TailSeq = z.output<typeof TailSeq>;
export type Signal = z.output<typeof Signal>;
export type Chat = z.output<typeof Chat>;
export type ChatSummary = z.output<typeof ChatSummary>;
export type Message = z.output<typeof Message>;
export type Entry = z.output<typeof Entry>;

export const chatContract = defineContract({
  "v1.chat.createDirectChat": {
    audience: "user",
    params: z.strictObject({ participant_id: UserIdSchema }),
    result: z.object({ chat_id: z.string() }),
  },
  "v1.chat.getChat": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema }),
    result: Chat,
  },
  "v1.chat.listUserChats": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: z.object({
      chats: z.array(ChatSummary).describe("newest activity first"),
      next_cursor: z.string().nullable(),
    }),
  },
  "v1.chat.listChatMembers": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema }),
    result: z.object({ user_ids: z.array(z.string()) }),
  },
  /** With a nonce, running it twice sends once. Who calls it gives one: it retries. */
  "v1.chat.sendMessage": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema, text: MessageText, nonce: Nonce.optional() }),
    result: Message,
  },
  /** As `sendMessage` for each, in their order: what one connection sends at once goes into the log together. */
  "v1.chat.sendMessages": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      id: ConversationIdSchema,
      messages: z
        .array(z.strictObject({ text: MessageText, nonce: Nonce }))
        .min(1)
        .max(MAX_SENT_AT_ONCE),
    }),
    result: z.object({ sent: z.array(z.union([Message, Refusal])).describe("one for each message") }),
  },
  /** Answers the message as it is afterwards. A deleted one can't be edited; an edit that a deletion overtakes is lost. */
  "v1.chat.editMessage": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      id: ConversationIdSchema,
      seq: entrySeq,
      text: MessageText,
      nonce: Nonce.optional(),
    }),
    result: Message,
  },
  /** Answers what is left of the message: its text is gone for good. */
  "v1.chat.deleteMessage": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema, seq: entrySeq, nonce: Nonce.optional() }),
    result: Message,
  },
  "v1.chat.listMessages": {
    audience: "user",
    idempotent: true,
    params: z
      .strictObject({
        id: ConversationIdSchema,
        ...pageParams,
        after: seq.optional().describe("read forward from behind this seq"),
        before: entrySeq.optional().describe("read back from before this seq"),
      })
      .refine(
        ({ cursor, after, before }) => [cursor, after, before].filter((at) => at !== undefined).length < 2,
        {
          path: ["after"],
          message: "cursor, after and before can't be used together",
        },
      ),
    result: z.object({
      messages: z.array(Message).describe("newest first; with `after` oldest first"),
      seq: seq.describe("subscribe, or read on, with `after` set to it"),
      next_cursor: z.string().nullable(),
    }),
  },
  /** A marker beyond the last entry counts as there, one that goes back changes nothing. */
  "v1.chat.markRead": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema, seq }),
    result: z.object({
      seq: seq.describe("what counts as read now"),
      unread_count: z.int().min(0).describe("of messages behind it"),
    }),
  },
  /** Tells who reads along that the caller is typing. Nothing is kept, and to a blocked user nothing is told. */
  "v1.chat.signalTyping": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: ConversationIdSchema }),
    result: z.null(),
  },
  /** For gateways: refused as a read of the conversation would be; answers the tail that a subscription starts from. */
  "v1.chat.authorizeSubscription": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ conversation: ConversationIdSchema }),
    result: z.object({ seq }),
  },
  /** For gateways: as `authorizeSubscription`, and the seq that a stream begins behind, where it is asked by time. */
  "v1.chat.streamMessages": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      id: ConversationIdSchema,
      since_unix_ms: z
        .int()
        .min(0)
        .optional()
        .describe("begin with the first entry that is not older; without it, with what is new"),
    }),
    result: z.object({ seq, after: seq }),
  },
  /** For the owner of the rooms' members: keeps that one came or went. Once for each membership, however often it is asked. */
  "v1.chat.appendMembership": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      id: ConversationIdSchema,
      user_id: UserIdSchema,
      type: z.enum(["join", "leave"]),
      membership: z.uuid().describe("of this stay: who comes back has another"),
      at: ImportedTime.optional().describe("where it was before now"),
    }),
    result: z.object({ seq }),
  },
  /** For the list of a user's rooms; in the order of the ids. */
  "v1.chat.summarizeRooms": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, ids: z.array(ConversationIdSchema).max(MAX_LIMIT) }),
    result: z.object({ rooms: z.array(ConversationState.extend({ id: z.string() })) }),
  },
  /** For gateways that mend a gap or bring a client up to date. Without a hole, oldest first; who may is asked before. */
  "v1.chat.readEntries": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      conversation: ConversationIdSchema,
      after: seq,
      limit: z.int().min(1).max(MAX_LIMIT),
    }),
    result: z.object({ entries: z.array(Entry) }),
  },
  /** For gateways: which of these conversations go further than `seq`, and which are gone. Two reads, however many they are. */
  "v1.chat.compareTails": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ tails: z.array(TailSeq).max(MAX_TAILS) }),
    result: z.object({
      further: z.array(TailSeq).describe("only those, each with a seq that it reaches"),
      gone: z.array(ConversationIdSchema),
    }),
  },
});

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof chatContract> {}
}

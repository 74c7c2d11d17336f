/** What the import brings for chats and logs. A part of the chat service's contract. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { ConversationIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { ImportedTime, MAX_RECORDS, RecordKey, SystemName } from "../imports/imports.contract.ts";
import { MessageText } from "./chat.contract.ts";

/** An entry of an older system. It is appended with its own time, or the tail's where that is later. */
export const ImportedEntry = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("message"),
    conversation: ConversationIdSchema,
    sender_id: UserIdSchema,
    text: MessageText,
    sent_at: ImportedTime,
    key: RecordKey.describe("what the older system calls it"),
  }),
  z.strictObject({
    type: z.literal("join"),
    conversation: ConversationIdSchema,
    sender_id: UserIdSchema,
    sent_at: ImportedTime,
    membership: z.uuid(),
  }),
]);

export const chatImportContract = defineContract({
  /** For the import: in the order of the chats. Where the two have one already, its id. */
  "v1.chat.importChats": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      chats: z
        .array(
          z.strictObject({
            id: ConversationIdSchema,
            user_ids: z.tuple([UserIdSchema, UserIdSchema]),
            created_at: ImportedTime,
          }),
        )
        .min(1)
        .max(MAX_RECORDS),
    }),
    result: z.object({ chats: z.array(z.object({ id: z.string(), is_new: z.boolean() })) }),
  },
  /** For the import: appends them in their order, each once. Nothing is published; who listens gets it with the next look at the tail. */
  "v1.chat.importEntries": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      system: SystemName.describe("one process writes all of it"),
      entries: z.array(ImportedEntry).min(1).max(MAX_RECORDS),
    }),
    result: z.object({
      is_new: z.array(z.boolean()),
      is_later: z.array(z.boolean()).describe("whether its log gave it a later time than it says"),
    }),
  },
});

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof chatImportContract> {}
}

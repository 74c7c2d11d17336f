/** Who may change which message: its author, while it is there. */
import { failedPrecondition, notFound, permissionDenied } from "../../lib/errors.ts";
import type { ConversationId } from "../../lib/ids.ts";
import type { EntryDocument } from "./chat.store.ts";
import type { Draft } from "./entries.ts";
import type { MessageLog } from "./message-log.ts";

/** Of one message. All of them stay in the log, and a deletion has to blank them. */
const MAX_EDITS = 1_000;

type Edit = Omit<Extract<Draft, { type: "edit" }>, "type">;
type Deletion = Omit<Extract<Draft, { type: "delete" }>, "type">;

/**
 * @returns the message as it is afterwards
 * @throws NOT_FOUND, PERMISSION_DENIED; FAILED_PRECONDITION for a deleted one; what appending throws
 */
export const editMessage = (log: MessageLog, id: ConversationId, edit: Edit): Promise<EntryDocument> =>
  change(log, id, { type: "edit", ...edit }, () => {
    throw failedPrecondition("This message was deleted.");
  });

/** Deleting twice is as good as once. Returns and throws as `editMessage`. */
export const deleteMessage = (
  log: MessageLog,
  id: ConversationId,
  deletion: Deletion,
): Promise<EntryDocument> => change(log, id, { type: "delete", ...deletion }, (message) => message);

async function change(
  log: MessageLog,
  id: ConversationId,
  draft: Extract<Draft, { target: number }>,
  onDeleted: (message: EntryDocument) => EntryDocument,
): Promise<EntryDocument> {
  const message = await ownMessage(log, id, draft);
  if (draft.type === "edit" && (message.edits ?? 0) >= MAX_EDITS && !(await log.keptBefore(id, draft))) {
    throw failedPrecondition("This message was edited too often. Write a new one.");
  }
  if (!message.deleted) await log.append(id, draft);
  // A retry of what came before the deletion gets its answer all the same.
  else if (!(await log.keptBefore(id, draft))) return onDeleted(message);
  return ownMessage(log, id, draft);
}

async function ownMessage(
  log: MessageLog,
  id: ConversationId,
  { sender, target }: Extract<Draft, { target: number }>,
): Promise<EntryDocument> {
  const message = await log.find(id, target);
  if (message?.type !== "message") throw notFound("There is no such message.");
  if (message.sender_id !== sender) throw permissionDenied("You can change only what you have written.");
  return message;
}

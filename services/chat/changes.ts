/**
 * Edits and deletions are entries of the log, applied to the message that they name once they are in it. What a crash left
 * between the two is marked as owed, and is applied by whoever takes over the tail, reads the history, or sweeps: any number
 * of them at once, in any order, with the same outcome. Of several edits the last one in the log counts; a deletion is final.
 */
import type { ConversationId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { EntryDocument } from "./chat.store.ts";
import { type Change, isChange } from "./entries.ts";

const PAGE = 100;

export class Changes {
  readonly #messages: Collection<EntryDocument>;
  readonly #publish: (entry: EntryDocument) => void;

  constructor(messages: Collection<EntryDocument>, publish: (entry: EntryDocument) => void) {
    this.#messages = messages;
    this.#publish = publish;
  }

  /** @returns the change as it now is: an edit of a deleted message has lost its text */
  async apply(change: Change): Promise<EntryDocument> {
    const deletedBy = await this.#change(change);
    // The deletion blanks what came before it; an edit that comes behind it blanks itself.
    if (deletedBy === change.seq)
      await this.#messages.updateMany({ target: change.target }, { $set: { text: "" } });
    const blank = deletedBy === undefined ? {} : { $set: { text: "" } };
    await this.#messages.updateOne({ _id: change._id }, { ...blank, $unset: { owed: true } });
    return deletedBy === undefined ? change : { ...change, text: "" };
  }

  /** Applies and publishes what is owed in one conversation. */
  settle(conversation: ConversationId): Promise<void> {
    return this.#settle(`${conversation}.`);
  }

  /** Applies and publishes what is owed in all. */
  settleAll(signal: AbortSignal): Promise<void> {
    return this.#settle("", signal);
  }

  async #settle(prefix: string, signal?: AbortSignal): Promise<void> {
    for (let last = ""; !signal?.aborted; ) {
      const query = { index: "owed", prefix, limit: PAGE } as const;
      const owed = await this.#messages.page(last === "" ? query : { ...query, after: last });
      for (const change of owed) {
        if (isChange(change)) this.#publish(await this.apply(change));
        last = change._id;
      }
      if (owed.length < PAGE) return;
    }
  }

  /** @returns the `seq` of the deletion, this one or another, if the target is deleted; 0 if it is gone altogether */
  async #change(change: Change): Promise<number | undefined> {
    const { type, seq, text, sent_at } = change;
    for (;;) {
      const target = await this.#messages.findById(change.target);
      if (!target || target.deleted) return target?.changed_by ?? 0;
      const { changed_by = null } = target;
      if (type === "edit" && changed_by !== null && changed_by >= seq) return undefined;
      const changed = await this.#messages.updateOne(
        { _id: target._id, changed_by },
        type === "edit"
          ? { $set: { text, edited_at: sent_at, changed_by: seq }, $inc: { edits: 1 } }
          : { $set: { text: "", deleted: true, changed_by: seq }, $unset: { edited_at: true } },
      );
      if (changed) return type === "delete" ? seq : undefined;
    }
  }
}

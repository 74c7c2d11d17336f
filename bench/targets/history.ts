// What the `history` bench asks of Veche: fills a conversation, and reads pages of it.
import type { ServiceBroker } from "moleculer";
import { type Caller, call } from "../../lib/contract.ts";
import { encodeCursor } from "../../lib/cursors.ts";
import { ConversationIdSchema, newSessionId, UserIdSchema } from "../../lib/ids.ts";
import type { WithCollections } from "../../mixins/collection/collection.ts";
import type { chatCollections } from "../../services/chat/chat.store.ts";
import { EMPTY, entryAfter, tailOf } from "../../services/chat/entries.ts";
import type { Answers } from "../asking.ts";

export interface Filling {
  conversation: string;
  sender: string;
  count: number;
}

export interface Reading {
  conversation: string;
  user: string;
  /** How many messages the conversation has. */
  length: number;
  pages: number;
}

const TOGETHER = 1_000;
const PAGE = 50;

export const historyAnswers = (broker: ServiceBroker): Answers => ({
  async fill({ conversation, sender, count }: Filling): Promise<void> {
    const { messages } = (
      broker.getLocalService({ name: "chat", version: 1 }) as unknown as WithCollections<
        typeof chatCollections
      >
    ).collections;
    const id = ConversationIdSchema.parse(conversation);
    let tail = EMPTY;
    while (tail.seq < count) {
      const entries = [];
      while (entries.length < TOGETHER && tail.seq < count) {
        const said = { nonce: `n${tail.seq}`, text: `Message number ${tail.seq + 1} of many.` };
        const entry = entryAfter(tail, id, { type: "message", sender: UserIdSchema.parse(sender), ...said });
        entries.push(entry);
        tail = tailOf(entry);
      }
      await messages.insertMany(entries);
    }
  },

  /** Anywhere in the log, forward and back in turns. @returns microseconds a page */
  async read({ conversation: id, user, length, pages }: Reading): Promise<number> {
    const caller: Caller = { id: UserIdSchema.parse(user), sessionId: newSessionId(), role: "user" };
    const begin = performance.now();
    for (let i = 0; i < pages; i += 1) {
      const seq = PAGE + 1 + Math.floor(Math.random() * (length - 2 * PAGE - 1));
      const from = i % 2 === 0 ? { after: seq } : { cursor: encodeCursor(`messages of ${id}`, String(seq)) };
      const { messages } = await call(
        broker,
        "v1.chat.listMessages",
        { id, limit: PAGE, ...from },
        { meta: { user: caller } },
      );
      if (messages.length !== PAGE) throw new Error(`a page of ${messages.length} messages`);
    }
    return ((performance.now() - begin) / pages) * 1_000;
  },
});

// What a page of history costs, and what NATS has to carry of it.
import { expect, test } from "@jest/globals";
import { type ConversationId, newDirectChatId, newUserId } from "../../lib/ids.ts";
import { openCollection } from "../../mixins/collection/collection.ts";
import { EmbeddedCollection } from "../../mixins/collection/embedded.ts";
import { MAX_TEXT, MessageText } from "./chat.contract.ts";
import { chatCollections, type EntryDocument } from "./chat.store.ts";
import { type Draft, EMPTY, entryAfter, tailOf } from "./entries.ts";
import { readHistory } from "./history.ts";
import { MessageLog } from "./message-log.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** Of one NATS message, by default. */
const MAX_PAYLOAD = 1_048_576;

const ann = newUserId();

async function logOf(conversation: ConversationId, drafts: Draft[]) {
  const messages = await openCollection(chatCollections.messages, { checkQueries: true }, silent);
  let tail = EMPTY;
  const entries = drafts.map((draft): EntryDocument => {
    const { owed, ...entry } = entryAfter(tail, conversation, draft);
    tail = tailOf(entry);
    return entry;
  });
  await messages.insertMany(entries);
  return { messages, log: new MessageLog(messages, { publish() {}, refusals: async () => new Map() }) };
}

test("a page is as quick behind thousands of edits as behind none, forward and back", async () => {
  const id = newDirectChatId();
  const said = (nonce: string): Draft => ({ type: "message", sender: ann, text: nonce, nonce });
  const edits = Array.from(
    { length: 5_000 },
    (_, i): Draft => ({ type: "edit", sender: ann, target: 1, text: "edited", nonce: `e${i}` }),
  );
  const { messages, log } = await logOf(id, [said("one"), said("two"), ...edits, said("three")]);
  if (!(messages instanceof EmbeddedCollection)) throw new Error("the effort of others is not known");
  const before = messages.effort.touched;
  const back = await readHistory(log, id, { limit: 3 });
  const forward = await readHistory(log, id, { limit: 3, after: 0 });
  expect(messages.effort.touched - before).toBeLessThan(200);
  expect(back.messages.map(({ seq }) => seq)).toEqual([5_003, 2, 1]);
  expect(forward.messages.map(({ seq }) => seq)).toEqual([1, 2, 5_003]);
});

test("a hundred of the texts that are longest in JSON fit into what NATS carries at once", async () => {
  const id = newDirectChatId();
  const worst = ["\u4e16", "\n", '"', "\\", "\u2028", "\u00e9"].map(
    (char) => `.${char.repeat(MAX_TEXT - 1)}`,
  );
  for (const text of worst) {
    expect(MessageText.safeParse(text).success).toBe(true);
    const drafts = Array.from(
      { length: 100 },
      (_, i): Draft => ({ type: "message", sender: ann, text, nonce: `${i}` }),
    );
    const { log } = await logOf(id, drafts);
    const page = await readHistory(log, id, { limit: 100 });
    expect(page.messages).toHaveLength(100);
    // With room for what Moleculer wraps around an answer.
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(0.7 * MAX_PAYLOAD);
  }
});

test.each(["\u0000", "\u0001", "\u001b", "\u007f", "\ud800"])("%j is refused in a text", (char) => {
  expect(MessageText.safeParse(`a${char}b`).success).toBe(false);
});

/** What older systems bring for logs, and what follows from it: where conversations stand in lists, and what their senders have read. */
import type { z } from "zod";
import type { ResultOf } from "../../lib/contract.ts";
import type { Activity } from "./activity.ts";
import type { Placed } from "./appending-old.ts";
import type { EntryDocument } from "./chat.store.ts";
import type { ImportedEntry as ImportedEntrySchema } from "./chat-import.contract.ts";
import type { MessageLog } from "./message-log.ts";
import type { ReadMarkers } from "./read-markers.ts";

type ImportedEntry = z.output<typeof ImportedEntrySchema>;

interface Parts {
  log: MessageLog;
  activity: Activity;
  markers: ReadMarkers;
}

/** Can be repeated. In the order of the entries. */
export async function importEntries(
  { log, activity, markers }: Parts,
  system: string,
  entries: ImportedEntry[],
): Promise<ResultOf<"v1.chat.importEntries">> {
  const {
    isNew,
    isLater,
    entries: kept,
  } = await log.appendOld(entries.map((entry) => placed(system, entry)));
  const lastOf = new Map<string, EntryDocument>();
  const lastBy = new Map<string, EntryDocument>();
  for (const entry of kept) {
    const { conversation, sender_id, type } = entry;
    if (type === "message") keepLater(lastOf, conversation, entry);
    if (sender_id !== null) keepLater(lastBy, `${conversation}.${sender_id}`, entry);
  }
  await Promise.all([
    ...[...lastOf.values()].map((entry) => activity.advance(entry)),
    ...[...lastBy.values()].map((entry) =>
      entry.sender_id === null ? undefined : markers.advance(entry.conversation, entry.sender_id, entry),
    ),
  ]);
  return { is_new: isNew, is_later: isLater };
}

function keepLater(lasts: Map<string, EntryDocument>, key: string, entry: EntryDocument): void {
  const before = lasts.get(key);
  if (!before || before.seq < entry.seq) lasts.set(key, entry);
}

function placed(system: string, entry: ImportedEntry): Placed {
  const { conversation, sender_id: sender, sent_at: at } = entry;
  // No nonce of a client has a colon.
  return entry.type === "join"
    ? { conversation, draft: { type: "join", sender, at, nonce: `join:${entry.membership}` } }
    : {
        conversation,
        draft: {
          ...{ type: "message", imported: true, sender, at, text: entry.text },
          nonce: `import:${system}.${entry.key}`,
        },
      };
}

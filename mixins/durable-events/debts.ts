/**
 * Events that a write owes. The debt stands in the document that was written, so that a crash can't lose the one without
 * the other; who wrote pays at once, and a sweep pays what is left.
 */
import { randomUUID } from "node:crypto";
import type { DurableEvents } from "../../lib/contract.ts";
import type { Collection, Document, Index } from "../collection/collection.ts";
import type { EventName } from "./durable-events.ts";

export type OwedEvent = { [E in EventName]: { event: E; payload: DurableEvents[E] } }[EventName];

/** What a document that may owe events has besides its own. All three fields are absent when nothing is owed. */
export interface Owing {
  /** Milliseconds since 1970 of the latest debt. */
  owed_at?: number;
  /** Another one with each new debt: who has paid strikes off only what it saw. */
  owed_token?: string;
  owes?: OwedEvent[];
}

/** Every collection with debts declares it. */
export const owedIndex = { name: "owed", fields: ["owed_at"] } satisfies Index;

/** The fields of a new document that owes events; or of a `$set`, where the document is known to owe nothing yet. */
export const owing = (...owes: OwedEvent[]): Required<Owing> => ({
  owed_at: Date.now(),
  owed_token: randomUUID(),
  owes,
});

/** For an update of a document that may owe something already: put these into its `$set` and its `$push`. */
export function owe(...events: OwedEvent[]) {
  const { owes, ...owed } = owing(...events);
  return { $set: owed, $push: { owes: { $each: owes } } };
}

type Debtor = Document & Owing;
type Debtors = Pick<Collection<Debtor>, "find" | "updateOne">;
/** `(event, payload) => publish(broker, event, payload)` */
export type PublishOwed = <E extends EventName>(event: E, payload: DurableEvents[E]) => Promise<void>;

/**
 * Sends what the document owes, and strikes it off. Where another debt came meanwhile, all stay and are sent again.
 * @throws what `publish` throws; then the debts stay
 */
export async function payDebts(collection: Debtors, debtor: Debtor, publish: PublishOwed): Promise<void> {
  const { _id, owes, owed_token } = debtor;
  if (owed_token === undefined) return;
  for (const { event, payload } of owes ?? []) await publish(event, payload);
  await collection.updateOne(
    { _id, owed_token },
    { $unset: { owes: true, owed_token: true, owed_at: true } },
  );
}

const PORTION = 100;

/**
 * Pays what has been owed for longer than `olderThan` milliseconds: whoever wrote later may be about to pay itself.
 * @throws the first error, after it tried the others of its portion
 */
export async function sweepDebts(
  collection: Debtors,
  olderThan: number,
  publish: PublishOwed,
): Promise<void> {
  const until = Date.now() - olderThan;
  let from = 0;
  for (;;) {
    const debtors = await collection.find(
      { owed_at: { $gte: from, $lte: until } },
      { sort: { owed_at: 1 }, limit: PORTION },
    );
    const failures: unknown[] = [];
    for (const debtor of debtors) {
      await payDebts(collection, debtor, publish).catch((error: unknown) => failures.push(error));
    }
    const [first] = failures;
    if (first !== undefined) throw first;
    if (debtors.length < PORTION) return;
    from = debtors.at(-1)?.owed_at ?? until;
  }
}

/** Finds a time in a log: `sent_at` never goes back within one, so that halving will do, whatever its length. */
import { unavailable } from "../../lib/errors.ts";
import type { Tail } from "./entries.ts";

/**
 * The last seq whose entry is older than a time, 0 where none is.
 * @param readEntry one read by `_id`, of which there are at most log2(tail.seq) + 1
 * @param since milliseconds since 1970
 * @throws UNAVAILABLE where the log went away meanwhile
 */
export async function lastBefore(
  readEntry: (seq: number) => Promise<{ sent_at: number } | null>,
  tail: Pick<Tail, "seq" | "sent_at">,
  since: number,
): Promise<number> {
  // Who asks for what has just happened is the usual case.
  if (tail.sent_at < since) return tail.seq;
  let older = 0;
  let notOlder = tail.seq;
  while (notOlder - older > 1) {
    const middle = Math.floor((older + notOlder) / 2);
    const entry = await readEntry(middle);
    if (!entry) throw unavailable();
    if (entry.sent_at < since) older = middle;
    else notOlder = middle;
  }
  return older;
}

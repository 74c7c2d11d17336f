/** What is between users of older systems. */
import type { z } from "zod";
import type { ResultOf } from "../../lib/contract.ts";
import { hasCode } from "../../lib/errors.ts";
import { follow, makeFriends, type Step, sendRequest } from "./pair.ts";
import type { Pairs } from "./pairs.ts";
import type { ImportedTie as ImportedTieSchema } from "./social.contract.ts";

type ImportedTie = z.output<typeof ImportedTieSchema>;
type Outcome = ResultOf<"v1.social.importTies">["outcomes"][number];

/** Pairs that are changed at the same time. */
const WIDTH = 64;

const STEPS: Record<ImportedTie["tie"], Step<{ changed: boolean }>> = {
  friends: makeFriends,
  follow,
  request: (at) => ({ ...sendRequest(0)(at), answer: { changed: true } }),
};

/** As if it were taken at another time. */
const then =
  <R>(step: Step<R>, at: number): Step<R> =>
  (standing) =>
    step({ ...standing, now: Math.min(at, standing.now) });

export async function importTies(pairs: Pairs, ties: ImportedTie[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < ties.length; i += WIDTH) {
    outcomes.push(...(await Promise.all(ties.slice(i, i + WIDTH).map((tie) => importTie(pairs, tie)))));
  }
  return outcomes;
}

async function importTie(pairs: Pairs, { tie, from, to, since }: ImportedTie): Promise<Outcome> {
  try {
    const { changed } = await pairs.change(from, to, then(STEPS[tie], since));
    return { outcome: changed ? "made" : "there" };
  } catch (error) {
    // They are friends, or it was asked already; or it was declined, and what was answered here counts.
    if (hasCode(error, "ALREADY_EXISTS") || hasCode(error, "RESOURCE_EXHAUSTED")) return { outcome: "there" };
    if (!hasCode(error, "NOT_FOUND") && !hasCode(error, "PERMISSION_DENIED")) throw error;
    return { outcome: "refused", reason: "one of the two has blocked the other" };
  }
}

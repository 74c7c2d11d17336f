// Page reads by how long the conversation is, in processes of their own. Asked inside of each, without HTTP, which would blur it.
import { openChat, register } from "./accounts.ts";
import { ask } from "./asking.ts";
import { median, startTarget, stopTarget, type Target } from "./target.ts";
import type { Filling, Reading } from "./targets/history.ts";

const LENGTHS = [1_000, 100_000, 1_000_000];
const ROUNDS = 7;
const PAGES = 2_000;

export async function historyBench(): Promise<void> {
  const filled: { target: Target; reading: Reading; took: number[] }[] = [];
  try {
    for (const length of LENGTHS) {
      const target = await startTarget("veche", { options: ["--max-old-space-size=6000"] });
      process.stderr.write(`writing ${length} messages\r`);
      filled.push({ target, reading: await fill(target, length), took: [] });
    }
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { target, reading, took } of filled) {
        const microseconds = await ask<number>(target.child, "read", reading);
        // The first round warms up.
        if (round > 0) took.push(microseconds);
      }
      process.stderr.write(`round ${round} of ${ROUNDS}         \r`);
    }
    const fastest = Math.min(...filled.map(({ took }) => median(took)));
    console.log(
      `\nPages of 50 anywhere in the conversation, one after the other, median of ${ROUNDS} rounds in turns`,
    );
    console.table(
      filled.map(({ reading, took }) => ({
        messages: reading.length,
        "µs a page": median(took).toFixed(0),
        "pages/s": Math.round(1e6 / median(took)),
        "of the fastest": (median(took) / fastest).toFixed(2),
      })),
    );
  } finally {
    await Promise.all(filled.map(({ target }) => stopTarget(target)));
  }
}

/** Puts the entries into the collection as the log makes them, without a request for each. */
async function fill({ url, child }: Target, length: number): Promise<Reading> {
  const [ann, bob] = await register(url, 2);
  if (!ann || !bob) throw new Error("nobody registered");
  const conversation = await openChat(url, ann, bob);
  await ask(child, "fill", { conversation, sender: ann.id, count: length } satisfies Filling);
  return { conversation, user: ann.id, length, pages: PAGES };
}

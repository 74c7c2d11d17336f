// No record is known that only the services refuse, so that what calls the importer is tried with one that refuses by number.
import { expect, test } from "@jest/globals";
import { importsContract } from "../../services/imports/imports.contract.ts";
import { Pending, takeInHalves } from "./halving.ts";
import type { Entry } from "./parsing.ts";
import { CallFailed } from "./remote.ts";
import { Tally } from "./tally.ts";

const entries = Array.from(
  { length: 250 },
  (_, i): Entry => ({ line: i + 1, name: "user", source: "", bytes: 0, parsed: { problem: "" } }),
);

function trial(fails: (entry: Entry) => CallFailed | undefined) {
  const tally = new Tally();
  const refused: [line: number, reason: string][] = [];
  const pending = new Pending({
    settle: ({ name }, fate) => tally.add(name, fate),
    refuse(entry, reason) {
      refused.push([entry.line, reason]);
      tally.refuse(entry.name, reason);
    },
    nicknameTaken() {},
    retimed() {},
  });
  const importer = {
    async take(batch: Entry[]) {
      for (const entry of batch) {
        const failure = fails(entry);
        if (failure) throw failure;
        pending.settle(entry, "made");
      }
    },
  };
  return { tally, refused, done: takeInHalves(importer, pending, entries) };
}

test("what is not accepted is refused alone, and each of the others counts once", async () => {
  const { tally, refused, done } = trial(({ line }) =>
    [1, 77, 250].includes(line) ? new CallFailed("INVALID_ARGUMENT", "no") : undefined,
  );
  await done;
  expect(refused).toEqual([1, 77, 250].map((line) => [line, "is not accepted: no"]));
  expect(tally.state.counts).toEqual({ user: { made: 247, there: 0, refused: 3 } });
});

test("anything else that fails ends it, and nothing of the batch counts", async () => {
  const { tally, done } = trial(({ line }) =>
    line === 77 ? new CallFailed("UNAVAILABLE", "no") : undefined,
  );
  await expect(done).rejects.toThrow("no");
  expect(tally.total).toBe(0);
});

test("the counts fit into what is kept of a file, whatever is refused", () => {
  const tally = new Tally();
  for (let i = 0; i < 1_000; i += 1) tally.refuse("friend_request", `${i}${'"'.repeat(1_000)}`);
  const params = importsContract["v1.imports.saveProgress"].params;
  const about = { system: "balun", file: "0".repeat(64) };
  const state = JSON.stringify({
    lines: 1_000,
    refused: { bytes: 1, digest: "0".repeat(64) },
    tally: tally.state,
  });
  expect(params.safeParse({ ...about, progress: { offset: 1, state } }).success).toBe(true);
  expect(tally.total).toBe(1_000);
});

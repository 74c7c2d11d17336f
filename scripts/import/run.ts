/** Goes through a file: from where an earlier run of the same file has come, in batches, noting now and then how far it is. */
import { statSync } from "node:fs";
import { z } from "zod";
import { FirstTimes } from "./first-times.ts";
import { Pending, takeInHalves } from "./halving.ts";
import { Importer, type Outcomes, STAGE_OF } from "./importer.ts";
import { digestOf, type Place, readLines } from "./lines.ts";
import { type Entry, NO_RECORD, parseLine } from "./parsing.ts";
import type { OldSystem } from "./records.ts";
import { Refusals } from "./refusals.ts";
import type { Calls } from "./remote.ts";
import { Tally, type TallyState } from "./tally.ts";

/** What goes over NATS in one message is far below its limit of 1 MiB. */
const MAX_BATCH_BYTES = 256 * 1024;
/** Of messages many go out together. Each user is a dozen writes. */
const MAX_BATCH: Record<string, number> = { log: 1_000 };
const MAX_OTHER_BATCH = 250;
const SAVE_EVERY_MS = 1_000;

export interface Run {
  file: string;
  system: OldSystem;
  calls: Calls;
  /** Look at each record anew, whatever an earlier run has done. */
  again: boolean;
  /** Ends the run after the batch under way. */
  signal: AbortSignal;
  onProgress(progress: RunProgress): void;
}

export interface RunProgress {
  /** In bytes. */
  size: number;
  offset: number;
  /** Where this run began. */
  resumedAt: number;
  /** Records that this run has dealt with. */
  records: number;
}

export interface RunResult {
  /** False where the signal ended it. */
  finished: boolean;
  progress: RunProgress;
  tally: TallyState;
  refusedFile: string;
  /** What an earlier run refused is not in that file any more. */
  refusedLost: boolean;
}

const SavedState = z.object({
  lines: z.int(),
  refused: z.object({ bytes: z.int(), digest: z.string() }),
  refusedLost: z.boolean(),
  tally: z.object({
    counts: z.record(z.string(), z.object({ made: z.int(), there: z.int(), refused: z.int() })),
    reasons: z.record(z.string(), z.int()),
    nicknamesTaken: z.int(),
    retimed: z.int().default(0),
  }),
});

type Saved = z.output<typeof SavedState> & { offset: number };

/** The file is not one of this system's. */
export class WrongFile extends Error {}

/** @throws CallFailed: then the same run again goes on */
export async function importFile({
  file,
  system,
  calls,
  again,
  signal,
  onProgress,
}: Run): Promise<RunResult> {
  const { size } = statSync(file);
  const digest = await digestOf(file);
  const about = { system: system.name, file: digest };
  const saved = again ? undefined : await savedState(calls, about);
  const tally = new Tally(saved?.tally);
  const refusals = new Refusals(file, saved?.refused);
  const refusedLost = refusals.lost || (saved?.refusedLost ?? false);
  const outcomes: Outcomes = {
    settle: ({ name }, fate) => tally.add(name, fate),
    refuse(entry, reason) {
      tally.refuse(entry.name, reason);
      refusals.write(entry, reason);
    },
    nicknameTaken() {
      tally.nicknamesTaken += 1;
    },
    retimed() {
      tally.retimed += 1;
    },
  };
  const pending = new Pending(outcomes);
  const importer = new Importer(calls, system.name, pending, new FirstTimes(file, system));
  const resumedAt = saved?.offset ?? 0;
  if (resumedAt < size) refusals.cutOff();
  let progress: RunProgress = { size, offset: resumedAt, resumedAt, records: 0 };
  let savedAt = performance.now();
  const save = async ({ offset, lines }: Place) => {
    const state = JSON.stringify({ lines, refused: refusals.kept, refusedLost, tally: tally.state });
    await calls("v1.imports.saveProgress", { ...about, progress: { offset, state } });
    savedAt = performance.now();
  };
  const take = async ({ entries, end }: Batch) => {
    await takeInHalves(importer, pending, entries);
    progress = { ...progress, offset: end.offset, records: progress.records + entries.length };
    onProgress(progress);
    if (performance.now() - savedAt > SAVE_EVERY_MS || end.offset === size) await save(end);
  };
  const from = { offset: resumedAt, lines: saved?.lines ?? 0 };
  onProgress(progress);
  try {
    // While one batch is being made, the next one is read.
    let underWay = Promise.resolve();
    let last: Place = from;
    for await (const batch of batches(file, system, from, signal)) {
      await underWay;
      if (signal.aborted) break;
      underWay = take(batch);
      last = batch.end;
      // It is waited for above, or below.
      underWay.catch(() => {});
    }
    await underWay;
    await save(last);
    const finished = progress.offset === size;
    return { finished, progress, tally: tally.state, refusedFile: refusals.path, refusedLost };
  } finally {
    refusals.close();
  }
}

interface Batch {
  entries: Entry[];
  /** Behind its last line. */
  end: Place;
}

/** In the order of the file. A batch is of one stage. */
async function* batches(
  file: string,
  system: OldSystem,
  from: Place,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  let entries: Entry[] = [];
  let bytes = 0;
  let stage: string | undefined;
  let end = from;
  for await (const line of readLines(file, from, signal)) {
    const entry = parseLine(system, line);
    const entersStage = entry && "record" in entry.parsed ? STAGE_OF[entry.parsed.record.kind] : stage;
    const full =
      entries.length >= (MAX_BATCH[stage ?? ""] ?? MAX_OTHER_BATCH) ||
      bytes + (entry?.bytes ?? 0) > MAX_BATCH_BYTES;
    if (entries.length > 0 && (full || (stage !== undefined && entersStage !== stage))) {
      yield { entries, end };
      entries = [];
      bytes = 0;
      stage = undefined;
    }
    if (entry) {
      entries.push(entry);
      bytes += entry.bytes;
      stage = entersStage;
    }
    end = { offset: line.end, lines: line.number };
  }
  if (!signal.aborted && end.offset > from.offset) yield { entries, end };
}

async function savedState(calls: Calls, about: { system: string; file: string }): Promise<Saved | undefined> {
  const progress = await calls("v1.imports.getProgress", about);
  if (!progress) return undefined;
  const state = SavedState.safeParse(JSON.parse(progress.state));
  return state.success ? { ...state.data, offset: progress.offset } : undefined;
}

/** How many lines may be wrong before the first record. */
const MAX_WRONG = 100;

/** Looks for a record among the first lines. @throws WrongFile with one line that says what is wrong */
export async function assertOfSystem(file: string, system: OldSystem): Promise<void> {
  let first: string | undefined;
  let wrong = 0;
  for await (const line of readLines(file, { offset: 0, lines: 0 })) {
    const entry = parseLine(system, line);
    if (!entry) continue;
    if (entry.name !== NO_RECORD || !("problem" in entry.parsed)) return;
    first ??= `line ${entry.line} ${entry.parsed.problem}`;
    wrong += 1;
    if (wrong === MAX_WRONG) break;
  }
  throw new WrongFile(
    first === undefined ? `${file} has no records.` : `${file} is no file of ${system.name}: ${first}.`,
  );
}

/** Looks whether the lines of a file are well-formed. What is taken, and what refers to nothing, only the import itself finds. */
import { LRUCache } from "lru-cache";
import { logTime } from "./first-times.ts";
import { readLines } from "./lines.ts";
import { parseLine } from "./parsing.ts";
import type { OldRecord, OldSystem } from "./records.ts";
import { laterTimes } from "./report.ts";
import { Tally } from "./tally.ts";

const SHOWN = 20;
const REMEMBERED_LOGS = 200_000;

/** @returns what to say, and whether all of it is well-formed */
export async function dryRun(file: string, system: OldSystem): Promise<{ said: string; sound: boolean }> {
  const tally = new Tally();
  const problems: string[] = [];
  const times = new LogTimes();
  for await (const line of readLines(file, { offset: 0, lines: 0 })) {
    const entry = parseLine(system, line);
    if (!entry) continue;
    if ("record" in entry.parsed) {
      tally.add(entry.name, "made");
      if (times.isLate(entry.parsed.record)) tally.retimed += 1;
    } else {
      tally.refuse(entry.name, entry.parsed.problem);
      if (problems.length < SHOWN)
        problems.push(`line ${entry.line}: ${entry.name}: ${entry.parsed.problem}`);
    }
  }
  const counts = Object.entries(tally.state.counts);
  const sound = counts.every(([, { refused }]) => refused === 0);
  const lines = counts.map(([name, { made, refused }]) => `${name}: ${made} well-formed, ${refused} not`);
  const shown = [...lines, ...problems].map((line) => `${line}\n`).join("");
  return { said: `${shown}${laterTimes(tally.retimed, "would get")}Nothing was written.`, sound };
}

/** How far the time of each log has come, as far as this file tells. */
class LogTimes {
  readonly #tails = new LRUCache<string, number>({ max: REMEMBERED_LOGS });

  /** @returns whether it is a message that is older than what stands before it */
  isLate(record: OldRecord): boolean {
    const said =
      record.kind === "room" ? { log: `room.${record.id}`, at: record.created_at } : logTime(record);
    if (said?.at === undefined) return false;
    const tail = this.#tails.get(said.log) ?? 0;
    this.#tails.set(said.log, Math.max(tail, said.at));
    return record.kind === "message" && said.at < tail;
  }
}

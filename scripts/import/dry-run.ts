/** Looks whether the lines of a file are well-formed. What is taken, and what refers to nothing, only the import itself finds. */
import { readLines } from "./lines.ts";
import { parseLine } from "./parsing.ts";
import type { OldSystem } from "./records.ts";
import { Tally } from "./tally.ts";

const SHOWN = 20;

/** @returns what to say, and whether all of it is well-formed */
export async function dryRun(file: string, system: OldSystem): Promise<{ said: string; sound: boolean }> {
  const tally = new Tally();
  const problems: string[] = [];
  for await (const line of readLines(file, { offset: 0, lines: 0 })) {
    const entry = parseLine(system, line);
    if (!entry) continue;
    if ("record" in entry.parsed) tally.add(entry.name, "made");
    else {
      tally.refuse(entry.name, entry.parsed.problem);
      if (problems.length < SHOWN)
        problems.push(`line ${entry.line}: ${entry.name}: ${entry.parsed.problem}`);
    }
  }
  const counts = Object.entries(tally.state.counts);
  const sound = counts.every(([, { refused }]) => refused === 0);
  const lines = counts.map(([name, { made, refused }]) => `${name}: ${made} well-formed, ${refused} not`);
  return { said: [...lines, ...problems, "Nothing was written."].join("\n"), sound };
}

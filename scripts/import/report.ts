/** What an import says: a line that shows how far it is, and what became of the records at the end. */
import type { RunProgress, RunResult } from "./run.ts";
import type { TallyState } from "./tally.ts";
import type { ThreadMemory } from "./thread.ts";

const BAR = 24;
/** On a terminal the line is drawn anew; a log gets one now and then, and at each tenth. */
const DRAW_EVERY_MS = 200;
const LOG_EVERY_MS = 5_000;
const TENTHS = 10;

/** @param got what happened, or would */
export const laterTimes = (messages: number, got: "got" | "would get"): string =>
  messages === 0
    ? ""
    : `${count(messages)} ${messages === 1 ? "message" : "messages"} ${got} a later time: behind what is later in the same room or chat.\n`;

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024).toLocaleString("en")} MiB`;
const count = (number: number) => Math.round(number).toLocaleString("en");

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #begun = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;
  #tenth = 0;
  #waitedAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(progress: RunProgress, memory: ThreadMemory): void {
    const now = performance.now();
    const tenth = Math.floor((TENTHS * progress.offset) / Math.max(progress.size, 1));
    const due = now - this.#shownAt >= (this.#stream.isTTY ? DRAW_EVERY_MS : LOG_EVERY_MS);
    if (!due && (this.#stream.isTTY || tenth === this.#tenth)) return;
    this.#shownAt = now;
    this.#tenth = tenth;
    const line = progressLine(progress, (now - this.#begun) / 1_000, memory, process.memoryUsage.rss());
    this.#stream.write(this.#stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** Seldom, too: it may be tried again often. */
  wait(reason: string): void {
    const now = performance.now();
    if (now - this.#waitedAt < LOG_EVERY_MS) return;
    this.#waitedAt = now;
    this.end();
    this.#stream.write(`Waiting, and trying again: ${reason}\n`);
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
  }
}

/** @param rss bytes of the whole process */
export function progressLine(
  { size, offset, resumedAt, records }: RunProgress,
  seconds: number,
  { heap }: ThreadMemory,
  rss: number,
): string {
  const part = size === 0 ? 1 : offset / size;
  const filled = Math.floor(part * BAR);
  const read = offset - resumedAt;
  const left = read > 0 ? `${duration(((size - offset) / read) * seconds)} left` : "";
  return [
    `[${"#".repeat(filled)}${".".repeat(BAR - filled)}]`,
    `${Math.floor(part * 100)} %`,
    `${count(records)} records`,
    `${count(records / Math.max(seconds, 0.001))}/s`,
    left,
    `importer ${mebibytes(heap)}, process ${mebibytes(rss)}`,
  ]
    .filter((piece) => piece !== "")
    .join("  ");
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param embedded whether the database is in this process */
export function summary(result: RunResult, seconds: number, memory: ThreadMemory, embedded: boolean): string {
  const { progress, tally, finished } = result;
  const { records, resumedAt } = progress;
  const nothing = records === 0 && finished;
  const resumed = resumedAt > 0 && !nothing ? "It went on where an earlier run had come to.\n" : "";
  const done = nothing
    ? "An earlier run has come to the end of this file. What became of it:"
    : `${count(records)} records in ${seconds.toFixed(1)} s: ${count(records / Math.max(seconds, 0.001))}/s.`;
  const rss = mebibytes(process.memoryUsage.rss());
  const holds = `The importer held ${mebibytes(memory.peak)} at most; the process now holds ${rss}${embedded ? ", database included" : ""}.`;
  return `${done}\n${resumed}${holds}\n\n${table(tally)}${reasons(result)}`;
}

function table({ counts }: TallyState): string {
  const rows = Object.entries(counts).map(([name, { made, there, refused }]) => [
    name,
    ...[made, there, refused].map(count),
  ]);
  const lines = [["record", "made", "there before", "refused"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("   "),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function reasons({ tally, refusedFile, refusedLost }: RunResult): string {
  const { reasons: counted, nicknamesTaken, retimed } = tally;
  const named =
    nicknamesTaken > 0
      ? `\n${count(nicknamesTaken)} nicknames were taken by others: these users have none yet.\n`
      : "";
  const later = laterTimes(retimed, "got");
  const taken = later === "" ? named : `${named}\n${later}`;
  const all = Object.entries(counted).sort(([, one], [, other]) => other - one);
  if (all.length === 0) return taken;
  const lines = all.map(([reason, times]) => `  ${count(times)} × ${reason}\n`).join("");
  const where = refusedLost
    ? `An earlier run wrote them down, but ${refusedFile} is not there any more as it was: --again brings them all.`
    : `They are in ${refusedFile}, each with its reason.`;
  return `${taken}\nRefused, and why:\n${lines}${where}\n`;
}

/** When conversations without a time of their own begin: with the first that their log has in the file. */
import { readLines } from "./lines.ts";
import { parseLine } from "./parsing.ts";
import type { OldRecord, OldSystem } from "./records.ts";

/** Further ones begin with their owner. */
const MAX_CONVERSATIONS = 200_000;

export class FirstTimes {
  readonly #file: string;
  readonly #system: OldSystem;
  #found: Promise<Map<string, number | undefined>> | undefined;

  constructor(file: string, system: OldSystem) {
    this.#file = file;
    this.#system = system;
  }

  /** Milliseconds since 1970. Goes through the file, once: most files tell when their rooms were made. */
  async of(kind: "room" | "chat", oldId: string): Promise<number | undefined> {
    this.#found ??= this.#find();
    return (await this.#found).get(`${kind}.${oldId}`);
  }

  async #find(): Promise<Map<string, number | undefined>> {
    const firsts = new Map<string, number | undefined>();
    for await (const line of readLines(this.#file, { offset: 0, lines: 0 })) {
      const parsed = parseLine(this.#system, line)?.parsed;
      if (!parsed || !("record" in parsed)) continue;
      const { record } = parsed;
      if (record.kind === "room" || record.kind === "chat") {
        if (record.created_at !== undefined || firsts.size >= MAX_CONVERSATIONS) continue;
        firsts.set(`${record.kind}.${record.id}`, undefined);
      } else {
        const said = logTime(record);
        if (said?.at === undefined || !firsts.has(said.log)) continue;
        firsts.set(said.log, Math.min(firsts.get(said.log) ?? said.at, said.at));
      }
    }
    return firsts;
  }
}

/** @returns undefined for what goes into no log */
export function logTime(record: OldRecord): { log: string; at: number | undefined } | undefined {
  if (record.kind === "member") return { log: `room.${record.room}`, at: record.joined_at };
  if (record.kind !== "message") return undefined;
  const { kind, id } = record.conversation;
  return { log: `${kind}.${id}`, at: record.sent_at };
}

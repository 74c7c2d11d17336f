/** Makes records of lines. */
import type { z } from "zod";
import type { Line } from "./lines.ts";
import type { OldRecord, OldSystem } from "./records.ts";

/** A line that is not blank. `name` is what its `record` says. */
export interface Entry {
  line: number;
  name: string;
  /** As it stands in the file, for the file of what was refused. Of what is no record, the first 200 characters. */
  source: string;
  /** How many bytes the line has. */
  bytes: number;
  /** Why it can't be taken, or what it says. */
  parsed: { problem: string } | { record: OldRecord };
}

const SHOWN_CHARACTERS = 200;

/** The `name` of a line that is no record of the system. */
export const NO_RECORD = "line";

/** @returns undefined for a blank line */
export function parseLine({ records }: OldSystem, { number, text, problem }: Line): Entry | undefined {
  if (problem === undefined && text.trim() === "") return undefined;
  const bytes = Buffer.byteLength(text);
  const unreadable = (reason: string): Entry => {
    const source = text.slice(0, SHOWN_CHARACTERS);
    return { line: number, name: NO_RECORD, source, bytes, parsed: { problem: reason } };
  };
  if (problem !== undefined) return unreadable(problem);
  const fields = parseJson(text);
  if (!isObject(fields)) return unreadable("is not a JSON object");
  const { record: name } = fields;
  const schema = typeof name === "string" && Object.hasOwn(records, name) ? records[name] : undefined;
  if (typeof name !== "string" || !schema) {
    return unreadable(`has no "record" that is one of ${Object.keys(records).join(", ")}`);
  }
  return { line: number, name, source: text, bytes, parsed: parseFields(schema, fields) };
}

function parseFields(schema: z.ZodType<OldRecord>, fields: object): Entry["parsed"] {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return { record: parsed.data };
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "record"}: ${message}`,
  );
  return { problem: problems.join("; ") };
}

/** @returns undefined for what is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

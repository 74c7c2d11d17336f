/** Makes records of lines. */
import type { z } from "zod";
import type { Line } from "./lines.ts";
import type { OldRecord, OldSystem } from "./records.ts";

/** A line that is not blank. `name` is what its `record` says. */
export interface Entry {
  line: number;
  name: string;
  /** As it stands in the file, for the file of what was refused. */
  source: Record<string, unknown> | string;
  /** How many bytes the line has. */
  bytes: number;
  /** Why it can't be taken, or what it says. */
  parsed: { problem: string } | { record: OldRecord };
}

const SHOWN_CHARACTERS = 200;

/** @returns undefined for a blank line */
export function parseLine({ records }: OldSystem, { number, text }: Line): Entry | undefined {
  if (text?.trim() === "") return undefined;
  const bytes = text === undefined ? 0 : Buffer.byteLength(text);
  const unreadable = (problem: string): Entry => {
    const source = (text ?? "").slice(0, SHOWN_CHARACTERS);
    return { line: number, name: "line", source, bytes, parsed: { problem } };
  };
  if (text === undefined) return unreadable("is longer than 1 MiB");
  const source = parseJson(text);
  if (!isObject(source)) return unreadable("is not a JSON object");
  // What the file of refusals added.
  const { refused: _refused, line: _line, ...fields } = source;
  const { record: name } = fields;
  const schema = typeof name === "string" && Object.hasOwn(records, name) ? records[name] : undefined;
  if (typeof name !== "string" || !schema) {
    return unreadable(`has no "record" that is one of ${Object.keys(records).join(", ")}`);
  }
  return { line: number, name, source: fields, bytes, parsed: parseFields(schema, fields) };
}

function parseFields(schema: z.ZodType<OldRecord>, fields: object): Entry["parsed"] {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return { record: parsed.data };
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "record"}: ${message}`,
  );
  return { problem: problems.join("; ") };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

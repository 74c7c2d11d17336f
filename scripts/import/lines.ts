/** Reads a file line by line, from any place on, in memory that does not depend on its length. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export interface Line {
  /** Counted from 1. */
  number: number;
  /** Undefined for one that is too long. */
  text: string | undefined;
  /** In bytes: where the next one begins. */
  end: number;
}

/** Far above what a record can be. */
export const MAX_LINE_BYTES = 1024 * 1024;

const NEWLINE = 10;

export interface Place {
  /** In bytes: where a line begins. */
  offset: number;
  /** How many lines come before it. */
  lines: number;
}

/** @param signal ends the reading between two lines */
export async function* readLines(path: string, from: Place, signal?: AbortSignal): AsyncGenerator<Line> {
  let number = from.lines;
  let end = from.offset;
  let pieces: Buffer[] = [];
  let length = 0;
  const finish = (): Line => {
    number += 1;
    const text = length > MAX_LINE_BYTES ? undefined : Buffer.concat(pieces).toString("utf8");
    pieces = [];
    length = 0;
    return { number, text, end };
  };
  for await (const chunk of createReadStream(path, { start: from.offset })) {
    const bytes = chunk as Buffer;
    let begin = 0;
    while (begin < bytes.length) {
      if (signal?.aborted) return;
      const newline = bytes.indexOf(NEWLINE, begin);
      const to = newline === -1 ? bytes.length : newline;
      length += to - begin;
      // Of a line that is too long nothing is kept.
      if (length <= MAX_LINE_BYTES) pieces.push(bytes.subarray(begin, to));
      else pieces = [];
      end += to - begin;
      begin = to + 1;
      if (newline === -1) break;
      end += 1;
      yield finish();
    }
  }
  if (length > 0) yield finish();
}

/** SHA-256, in hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

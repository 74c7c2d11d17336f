/** Reads a file line by line, from any place on, in memory that does not depend on its length. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export interface Line {
  /** Counted from 1. */
  number: number;
  text: string;
  /** Why the text is not the line's: it is cut off or garbled then. */
  problem?: string;
  /** In bytes: where the next one begins. */
  end: number;
}

/** Far above what a record can be. */
export const MAX_LINE_BYTES = 1024 * 1024;

const NEWLINE = 10;
/** What some programs put before UTF-8. */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
    const line =
      length > MAX_LINE_BYTES ? { text: "", problem: "is longer than 1 MiB" } : decoded(pieces, number);
    pieces = [];
    length = 0;
    return { number, ...line, end };
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

function decoded(pieces: Buffer[], number: number): Pick<Line, "text" | "problem"> {
  const whole = Buffer.concat(pieces);
  const marked = number === 1 && whole.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const bytes = marked ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
  try {
    return { text: utf8.decode(bytes) };
  } catch {
    return { text: bytes.toString("utf8"), problem: "is not UTF-8" };
  }
}

/** SHA-256, in hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

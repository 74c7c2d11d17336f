/** The file of what was refused: each record as it was, and why, so that it can be mended and imported as a file of its own. */
import { createHash, type Hash } from "node:crypto";
import { closeSync, existsSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { type Entry, isObject, NO_RECORD, parseJson } from "./parsing.ts";

/** It has what the records have: password hashes. */
const MODE = 0o600;
const PIECE_BYTES = 64 * 1024;

/** What of the file counts. */
export interface Kept {
  bytes: number;
  /** SHA-256 of them, in hexadecimal: another file may stand there by now, or a mended one. */
  digest: string;
}

export class Refusals {
  readonly path: string;
  /** What an earlier run wrote is not there any more. */
  readonly lost: boolean;
  #fd: number | undefined;
  #size = 0;
  #hash: Hash = createHash("sha256");

  /**
   * What stands there and is not this import's is put aside, never removed.
   * @param kept what an earlier run of this import wrote: what comes behind was written by one that was killed, and comes again
   */
  constructor(file: string, kept: Kept | undefined) {
    this.path = `${file}.refused.ndjson`;
    const there = kept && kept.bytes > 0 ? hashOf(this.path, kept) : undefined;
    this.lost = kept !== undefined && kept.bytes > 0 && there === undefined;
    if (kept && there) {
      this.#size = kept.bytes;
      this.#hash = there;
    } else if (!kept) this.#putAside(file);
  }

  get kept(): Kept {
    return { bytes: this.#size, digest: this.#hash.copy().digest("hex") };
  }

  /** What is beyond `kept` comes again, or is not refused this time. To be called where the file is gone on with. */
  cutOff(): void {
    if (this.#size > 0) this.#open();
  }

  write(entry: Entry, reason: string): void {
    const bytes = Buffer.from(`${refusedLine(entry, reason)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#open(), bytes, written);
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd === undefined) {
      if (this.#size === 0) this.#putAside(this.path.slice(0, -".refused.ndjson".length));
      this.#fd = openSync(this.path, "a", MODE);
      ftruncateSync(this.#fd, this.#size);
    }
    return this.#fd;
  }

  #putAside(file: string): void {
    if (!existsSync(this.path)) return;
    let number = 1;
    while (existsSync(`${file}.refused.${number}.ndjson`)) number += 1;
    renameSync(this.path, `${file}.refused.${number}.ndjson`);
  }
}

/** @returns undefined where the file does not begin with what was kept */
function hashOf(path: string, { bytes, digest }: Kept): Hash | undefined {
  if (!existsSync(path)) return undefined;
  const hash = createHash("sha256");
  const fd = openSync(path, "r");
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let left = bytes; left > 0; ) {
      const read = readSync(fd, piece, 0, Math.min(left, piece.length), null);
      if (read === 0) return undefined;
      hash.update(piece.subarray(0, read));
      left -= read;
    }
  } finally {
    closeSync(fd);
  }
  return hash.copy().digest("hex") === digest ? hash : undefined;
}

/** The record as it was, with two fields in front. */
function refusedLine({ name, line, source }: Entry, reason: string): string {
  const added = { refused: reason, line };
  if (name === NO_RECORD) return JSON.stringify({ ...added, text: source });
  const fields = parseJson(source);
  if (isObject(fields) && (Object.hasOwn(fields, "refused") || Object.hasOwn(fields, "line"))) {
    // It was refused before.
    const { refused: _refused, line: _line, ...own } = fields;
    try {
      return JSON.stringify({ ...added, ...own });
    } catch (error) {
      // What can be read can be nested too deep to be written.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  // As a record it has fields.
  return `${JSON.stringify(added).slice(0, -1)},${source.trim().slice(1)}`;
}

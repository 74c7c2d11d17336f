/** The file of what was refused: each record as it was, and why, so that it can be mended and imported as a file of its own. */
import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import type { Entry } from "./parsing.ts";

/** It has what the records have: password hashes. */
const MODE = 0o600;

export class Refusals {
  readonly path: string;
  #fd: number | undefined;
  #size = 0;

  /** @param kept how many bytes of it count: what comes after was written by a run that was killed, and comes again */
  constructor(file: string, kept: number) {
    this.path = `${file}.refused.ndjson`;
    if (kept === 0) rmSync(this.path, { force: true });
    else if (existsSync(this.path)) {
      this.#size = Math.min(kept, statSync(this.path).size);
      ftruncateSync(this.#open(), this.#size);
    }
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  write({ line, source }: Entry, reason: string): void {
    const fields = typeof source === "string" ? { text: source } : source;
    const bytes = Buffer.from(`${JSON.stringify({ refused: reason, line, ...fields })}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#open(), bytes, written);
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    this.#fd ??= openSync(this.path, "a", MODE);
    return this.#fd;
  }
}

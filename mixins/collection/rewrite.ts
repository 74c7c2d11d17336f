/**
 * A file of documents written anew, without what was replaced or removed, while its collection goes on. What is appended to the old
 * file meanwhile is noted, and added at the end; then the new file takes the old one's place. A crash at any point leaves one whole file.
 */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { FILE_MODE, serialize } from "./data-file.ts";
import type { Document } from "./document.ts";

/** A millisecond or two of work. */
const PORTION = 256;

export class Rewrite {
  readonly #filename: string;
  readonly #handle: FileHandle;
  /** Appended to the old file since this one began. */
  #late: string[] = [];

  private constructor(filename: string, handle: FileHandle) {
    this.#filename = filename;
    this.#handle = handle;
  }

  /** One at a time of each file. */
  static async begin(filename: string): Promise<Rewrite> {
    return new Rewrite(filename, await open(besides(filename), "w", FILE_MODE));
  }

  /** What a crash left of one: half of a file, and perhaps what was deleted since. NeDB would take it for the file where that is not there. */
  static async clear(filename: string): Promise<void> {
    await rm(besides(filename), { force: true });
  }

  note(text: string): void {
    this.#late.push(text);
  }

  /** @param documents as they were when this began. @returns false where it was stopped */
  async write(documents: readonly Document[], isStopped: () => boolean): Promise<boolean> {
    for (let from = 0; from < documents.length; from += PORTION) {
      if (isStopped()) return false;
      const lines = documents.slice(from, from + PORTION).map(serialize);
      await this.#handle.appendFile(lines.join(""));
      await turn();
    }
    // The long wait, so that the one in `finish` is short.
    await this.#handle.datasync();
    return !isStopped();
  }

  /** Nothing may be appended to the old file meanwhile. */
  async finish(): Promise<void> {
    await this.#handle.appendFile(this.#late.join(""));
    await this.#handle.datasync();
    await this.#handle.close();
    await rename(besides(this.#filename), this.#filename);
    await syncDirectory(dirname(this.#filename));
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(besides(this.#filename), { force: true }).catch(() => {});
  }
}

/** As NeDB names it. */
const besides = (filename: string) => `${filename}~`;

/** So that the new name outlives a power cut. Not on Windows, where directories can't be opened. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
}

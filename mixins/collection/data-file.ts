/** The file of an embedded collection: NeDB's format, one JSON document a line, later lines replace earlier ones. */
import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Document } from "./document.ts";

/** Only the owner may read it: it holds password hashes. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** NeDB's own reader splits lines at these, which JSON leaves as they are: a text with one in it would be lost. */
const SEPARATORS = /[\u0085\u2028\u2029]/g;
export const escapeSeparators = (line: string): string =>
  line.replace(SEPARATORS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** NeDB's serialization: a date is `{"$$date": milliseconds}`. */
export function serialize(document: object): string {
  // The replacer gets a date only as the string that Date.toJSON made of it.
  const json = JSON.stringify(document, function (this: Record<string, unknown>, field, value) {
    const original = this[field];
    return original instanceof Date ? { $$date: original.getTime() } : value;
  });
  return `${escapeSeparators(json)}\n`;
}

function deserialize(line: string): Record<string, unknown> {
  if (!line.includes('"$$date"')) return JSON.parse(line);
  return JSON.parse(line, (_field, value) =>
    typeof value === "object" && value !== null && "$$date" in value ? new Date(value.$$date) : value,
  );
}

export interface FileContent {
  documents: Document[];
  /** Those that were replaced or removed later, and those of removals, included. */
  lines: number;
  /** Characters of a last line that was cut off by a crash. It was not acknowledged, and is left out. */
  torn: number;
  /** Whether the last line has its end. */
  ended: boolean;
}

/**
 * Reads a whole file, more strictly than NeDB, which drops up to a tenth of the lines without a word.
 * @throws Error for a line that cannot be read, but for a torn one
 */
export async function readDocuments(text: AsyncIterable<string>, filename: string): Promise<FileContent> {
  // Not an object: `__proto__` is an _id like any other.
  const documents = new Map<string, Document>();
  let number = 0;
  const read = (line: string) => {
    number++;
    if (line === "") return;
    const entry = deserialize(line);
    const { _id: id } = entry;
    if (typeof id !== "string") {
      // NeDB notes its indexes in the file. Ours are declared in the code.
      if ("$$indexCreated" in entry || "$$indexRemoved" in entry) return;
      throw new Error("it is no document");
    }
    if (entry.$$deleted === true) documents.delete(id);
    else documents.set(id, entry as unknown as Document);
  };
  let rest = "";
  for await (const chunk of text) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      try {
        read(line);
      } catch (error) {
        throw new Error(
          `${filename} is damaged: line ${number} cannot be read (${(error as Error).message}). It was left as it is: ` +
            "restore it from a backup, or take the line out if you can do without it.",
        );
      }
    }
  }
  const lines = number;
  let torn = 0;
  try {
    read(rest);
  } catch {
    torn = rest.length;
  }
  return { documents: [...documents.values()], lines, torn, ended: rest === "" };
}

/** Appends to the file, so that it holds either all of an append or, after an error, nothing of it. */
export class DataFile {
  readonly filename: string;
  readonly #fsync: boolean;
  #handle: FileHandle | undefined;
  #size = 0;
  /** Told of what is appended, while the file is being written anew. */
  witness: { note(text: string): void } | undefined;

  constructor(filename: string, fsync: boolean) {
    this.filename = filename;
    this.#fsync = fsync;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Again after the file was replaced. */
  async open(): Promise<void> {
    await this.close();
    this.#handle = await open(this.filename, "a", FILE_MODE);
    // Of one that was there, such as a restored one. Who may write to it need not own it.
    await this.#handle.chmod(FILE_MODE).catch(() => {});
    this.#size = (await this.#handle.stat()).size;
  }

  /**
   * Resolves when the write is in the file: with `fsync` on the disk, else in the operating system's hands.
   * @throws Error when it could not be written, and the file is as it was
   * @throws BrokenFile when the file's content is not known any more: nothing may be appended to it
   */
  async append(text: string): Promise<void> {
    const handle = this.#handle;
    if (!handle) throw new BrokenFile(this.filename, "it is not open");
    const bytes = Buffer.from(text);
    try {
      // The operating system takes it in a few microseconds, and a thread of the pool would need 40 to be told of it.
      if (!this.#fsync) appendNow(handle.fd, bytes);
      // Goes on after a partial write until all is written.
      else await handle.appendFile(bytes);
    } catch (error) {
      // Half a line would swallow the next one.
      await handle.truncate(this.#size).catch((cause: unknown) => {
        throw new BrokenFile(this.filename, String(cause));
      });
      throw error;
    }
    if (this.#fsync) {
      // After a failed sync the kernel may have dropped the pages, and a second sync would not say so.
      await handle.datasync().catch((cause: unknown) => {
        throw new BrokenFile(this.filename, String(cause));
      });
    }
    this.#size += bytes.length;
    this.witness?.note(text);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

function appendNow(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += fs.writeSync(fd, bytes, written);
}

export class BrokenFile extends Error {
  constructor(filename: string, reason: string) {
    super(`${filename} cannot be written any more: ${reason}`);
    this.name = "BrokenFile";
  }
}

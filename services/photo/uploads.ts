/**
 * Uploads under way: each is a file of this process' own that grows by acknowledged chunks, so that an upload holds no more of
 * itself in memory than the chunk that is being written. What is no image is refused at its first chunk.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { each } from "../../lib/each.ts";
import { invalidArgument, isVecheError, notFound, resourceExhausted, unavailable } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import { type Format, formatOf, pixelsOf } from "./imaging/images.ts";
import { tooManyPixels } from "./imaging/protocol.ts";
import { FORMATS } from "./photo.contract.ts";

interface Limits {
  maxBytes: number;
  maxPixels: number;
  /** Milliseconds after which an upload that got no chunk is dropped: whoever sent it is gone. */
  idle: number;
}

interface Upload {
  owner: UserId;
  /** What it may turn out to be. */
  formats: readonly Format[];
  path: string;
  /** `taken`: all of it is there, and it is being decoded and stored. `ended`: its files go. */
  state: "open" | "taken" | "ended";
  file?: FileHandle;
  format?: Format;
  size: number;
  /** Of the next chunk. */
  seq: number;
  /** The chunk before, and all before that. */
  written: Promise<void>;
  gone: AbortController;
  timer?: NodeJS.Timeout;
}

/** An upload that has come to its end: whoever takes it discards it. */
export interface Received {
  path: string;
  format: Format;
  /** Aborted when nobody wants it any more. */
  gone: AbortSignal;
}

const MAX_UPLOADS = 64;
const MAX_OF_A_USER = 8;

export class Uploads {
  readonly #directory: string;
  readonly #limits: Limits;
  readonly #warn: (message: string) => void;
  /** Also those that are being decoded and stored: they count, and the sweep leaves their files alone. */
  readonly #uploads = new Map<string, Upload>();

  /** @param warn is told of what is the operator's trouble */
  constructor(directory: string, limits: Limits, warn: (message: string) => void) {
    this.#directory = directory;
    this.#limits = limits;
    this.#warn = warn;
  }

  /** @throws RESOURCE_EXHAUSTED, UNAVAILABLE */
  async begin(owner: UserId, formats: readonly Format[] = FORMATS): Promise<string> {
    const ofOwner = [...this.#uploads.values()].filter((upload) => upload.owner === owner).length;
    if (this.#uploads.size >= MAX_UPLOADS || ofOwner >= MAX_OF_A_USER) {
      throw resourceExhausted("Too many uploads are under way.", 5);
    }
    const id = randomUUID();
    const path = join(this.#directory, id);
    const gone = new AbortController();
    const written = Promise.resolve();
    const upload: Upload = { owner, formats, path, state: "open", size: 0, seq: 0, written, gone };
    // Before anything is waited for: those that come meanwhile count it.
    this.#uploads.set(id, upload);
    try {
      await mkdir(this.#directory, { recursive: true });
      upload.file = await open(path, "wx");
      // Dropped by the end of the service.
      if (upload.state !== "open") throw unavailable();
      this.#await(id, upload);
    } catch (error) {
      await this.discard(id);
      throw this.#ofTheDisk(error);
    }
    return id;
  }

  /**
   * Resolves when the bytes are in the file. The chunk before may come once more.
   * @throws INVALID_ARGUMENT for what is no image, or too large; then the upload is gone. NOT_FOUND where it is; UNAVAILABLE
   */
  write(id: string, owner: UserId, seq: number, bytes: Uint8Array): Promise<void> {
    const upload = this.#get(id, owner);
    if (seq === upload.seq - 1) return upload.written;
    if (seq !== upload.seq) throw invalidArgument("The chunks are out of order.");
    upload.seq += 1;
    upload.written = this.#append(id, upload, seq, bytes);
    return upload.written;
  }

  /** Ends an upload. @throws INVALID_ARGUMENT where nothing came; NOT_FOUND where it is gone */
  async take(id: string, owner: UserId): Promise<Received> {
    const upload = this.#get(id, owner);
    clearTimeout(upload.timer);
    upload.state = "taken";
    try {
      await upload.written;
      if (upload.format === undefined) throw invalidArgument("The image is empty.");
      await upload.file?.close();
      return { path: upload.path, format: upload.format, gone: upload.gone.signal };
    } catch (error) {
      await this.discard(id);
      throw this.#ofTheDisk(error);
    }
  }

  /** Removes the file of an upload, and those that were made of it. Can be repeated. */
  async discard(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload) upload.state = "ended";
    clearTimeout(upload?.timer);
    try {
      await upload?.file?.close().catch(() => {});
      for (const path of filesOf(join(this.#directory, id))) await rm(path, { force: true });
    } catch (error) {
      // The sweep tries again.
      this.#ofTheDisk(error);
    } finally {
      this.#uploads.delete(id);
    }
  }

  /** Whoever has taken it discards it, and is told. Can be repeated. */
  async abort(id: string, owner: UserId): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload?.owner !== owner) return;
    upload.gone.abort();
    if (upload.state === "open") await this.discard(id);
  }

  /** Removes what processes left that crashed. @param before milliseconds since 1970 */
  async sweep(before: number): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    await each(names, async (name) => {
      const path = join(this.#directory, name);
      if (this.#uploads.has(name.slice(0, UUID_LENGTH))) return;
      const modified = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (modified < before) await rm(path, { force: true });
    });
  }

  async close(): Promise<void> {
    const all = [...this.#uploads].map(([id, { owner }]) => this.abort(id, owner));
    await Promise.all(all);
  }

  /** Another's upload is as good as none. */
  #get(id: string, owner: UserId): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.owner !== owner || upload.state !== "open") {
      throw notFound("There is no such upload any more.");
    }
    return upload;
  }

  async #append(id: string, upload: Upload, seq: number, bytes: Uint8Array): Promise<void> {
    const before = upload.written;
    clearTimeout(upload.timer);
    try {
      await before;
      const { buffer, byteOffset, length } = bytes;
      if (seq === 0) upload.format = this.#look(Buffer.from(buffer, byteOffset, length), upload.formats);
      if (upload.size + bytes.length > this.#limits.maxBytes) throw tooLarge(this.#limits.maxBytes);
      if (upload.file) await writeAll(upload.file, bytes, upload.size);
      upload.size += bytes.length;
      if (upload.state === "open") this.#await(id, upload);
    } catch (error) {
      await this.discard(id);
      throw this.#ofTheDisk(error);
    }
  }

  /** A disk that is full or broken is the operator's trouble, not the image's. */
  #ofTheDisk(error: unknown): Error {
    if (isVecheError(error)) return error;
    this.#warn(`Uploads can't be kept: ${(error as Error).message}`);
    return unavailable();
  }

  /** The first chunk has the headers of an image, unless it is made to deceive: then the decoder finds out. */
  #look(head: Buffer, formats: readonly Format[]): Format {
    const format = formatOf(head);
    if (!format || !formats.includes(format)) throw invalidArgument(notTaken(formats));
    const { maxPixels } = this.#limits;
    if ((pixelsOf(head, format) ?? 0) > maxPixels) throw invalidArgument(tooManyPixels(maxPixels));
    return format;
  }

  #await(id: string, upload: Upload): void {
    clearTimeout(upload.timer);
    upload.timer = setTimeout(() => void this.discard(id), this.#limits.idle);
    upload.timer.unref();
  }
}

const NAMES: Readonly<Record<Format, string>> = { jpeg: "JPEG", png: "PNG", webp: "WebP", gif: "GIF" };

const notTaken = (formats: readonly Format[]): string =>
  `This is no image that is taken here. These are: ${formats.map((format) => NAMES[format]).join(", ")}.`;

const UUID_LENGTH = 36;

/** Where the decoder puts what it makes of an upload. */
export const fullOf = (path: string) => `${path}.full`;
export const thumbOf = (path: string) => `${path}.thumb`;
const filesOf = (path: string) => [path, fullOf(path), thumbOf(path)];

const tooLarge = (max: number) => invalidArgument(`The image must not be larger than ${max} bytes.`);

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

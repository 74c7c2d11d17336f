/**
 * Uploads under way: each is a file of this process' own that grows by acknowledged chunks, so that an upload holds no more of
 * itself in memory than the chunk that is being written. What is no image is refused at its first chunk.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument, notFound, resourceExhausted } from "../../lib/errors.ts";
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
  file: FileHandle;
  format?: Format;
  size: number;
  /** Of the next chunk. */
  seq: number;
  timer?: NodeJS.Timeout;
}

/** An upload that has come to its end: whoever takes it removes what starts with its path. */
export interface Received {
  path: string;
  format: Format;
}

const MAX_UPLOADS = 64;
const MAX_OF_A_USER = 8;

export class Uploads {
  readonly #directory: string;
  readonly #limits: Limits;
  readonly #uploads = new Map<string, Upload>();
  /** Of those that are being decoded and stored, or were begun: the sweep leaves their files alone. */
  readonly #mine = new Set<string>();

  constructor(directory: string, limits: Limits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /** @throws RESOURCE_EXHAUSTED */
  async begin(owner: UserId, formats: readonly Format[] = FORMATS): Promise<string> {
    const ofOwner = [...this.#uploads.values()].filter((upload) => upload.owner === owner).length;
    if (this.#uploads.size >= MAX_UPLOADS || ofOwner >= MAX_OF_A_USER) {
      throw resourceExhausted("Too many uploads are under way.", 5);
    }
    const id = randomUUID();
    const path = join(this.#directory, id);
    this.#mine.add(id);
    try {
      await mkdir(this.#directory, { recursive: true });
      const upload: Upload = { owner, formats, path, file: await open(path, "wx"), size: 0, seq: 0 };
      this.#uploads.set(id, upload);
      this.#await(id, upload);
    } catch (error) {
      this.#mine.delete(id);
      throw error;
    }
    return id;
  }

  /**
   * Resolves when the bytes are in the file. The chunk before may come once more.
   * @throws INVALID_ARGUMENT for what is no image, or too large; then the upload is gone. NOT_FOUND where it is
   */
  async write(id: string, owner: UserId, seq: number, bytes: Uint8Array): Promise<void> {
    const upload = this.#get(id, owner);
    if (seq === upload.seq - 1) return;
    if (seq !== upload.seq) throw invalidArgument("The chunks are out of order.");
    clearTimeout(upload.timer);
    upload.seq += 1;
    try {
      if (seq === 0)
        upload.format = this.#look(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), upload.formats);
      if (upload.size + bytes.length > this.#limits.maxBytes) throw tooLarge(this.#limits.maxBytes);
      await writeAll(upload.file, bytes, upload.size);
      upload.size += bytes.length;
      this.#await(id, upload);
    } catch (error) {
      await this.#drop(id);
      throw error;
    }
  }

  /** Ends an upload. @throws INVALID_ARGUMENT where nothing came; NOT_FOUND where it is gone */
  async take(id: string, owner: UserId): Promise<Received> {
    const upload = this.#get(id, owner);
    const { path, format, file } = upload;
    if (format === undefined) {
      await this.#drop(id);
      throw invalidArgument("The image is empty.");
    }
    clearTimeout(upload.timer);
    this.#uploads.delete(id);
    await file.close();
    return { path, format };
  }

  /** Removes the file of an upload, and those that were made of it. Can be repeated. */
  async discard(id: string): Promise<void> {
    if (this.#uploads.has(id)) return this.#drop(id);
    for (const path of filesOf(join(this.#directory, id))) await rm(path, { force: true });
    this.#mine.delete(id);
  }

  /** Can be repeated. */
  async abort(id: string, owner: UserId): Promise<void> {
    if (this.#uploads.get(id)?.owner === owner) await this.#drop(id);
  }

  /** Removes what processes left that crashed. @param before milliseconds since 1970 */
  async sweep(before: number): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    for (const name of names) {
      const path = join(this.#directory, name);
      if (this.#mine.has(name.slice(0, UUID_LENGTH))) continue;
      const modified = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (modified < before) await rm(path, { force: true });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#uploads.keys()].map((id) => this.#drop(id)));
  }

  /** Another's upload is as good as none. */
  #get(id: string, owner: UserId): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.owner !== owner) throw notFound("There is no such upload any more.");
    return upload;
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
    upload.timer = setTimeout(() => void this.#drop(id), this.#limits.idle);
    upload.timer.unref();
  }

  async #drop(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (!upload) return;
    clearTimeout(upload.timer);
    this.#uploads.delete(id);
    await upload.file.close().catch(() => {});
    await this.discard(id);
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

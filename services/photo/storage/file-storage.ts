/** Photos as files of a directory. They are in directories by the time of their upload, some forty minutes in each. */
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { notFound } from "../../../lib/errors.ts";
import type { PhotoId } from "../../../lib/ids.ts";
import { PHOTO_SIZES, type PhotoSize } from "../../../lib/photo-urls.ts";
import { FILE_NAME, fileName, gather, type PhotoStorage, type Stored } from "./storage.ts";

/** Leading digits of ids, which grow with time. */
const SHARD_DIGITS = 6;
const ID_DIGITS = 16;
const MARK = "mark";

export class FileStorage implements PhotoStorage {
  readonly #directory: string;
  readonly #fsync: boolean;

  /** @param fsync waits for the disk at every write */
  constructor(directory: string, fsync: boolean) {
    this.#directory = directory;
    this.#fsync = fsync;
  }

  /** Moves the file, which must be on the same file system. */
  async put(id: PhotoId, size: PhotoSize, file: string): Promise<void> {
    const shard = this.#shard(id);
    await mkdir(shard, { recursive: true });
    if (this.#fsync) await syncPath(file);
    await rename(file, join(shard, fileName(id, size)));
    if (this.#fsync) for (const directory of [shard, this.#directory]) await syncPath(directory);
  }

  async read(id: PhotoId, size: PhotoSize, offset: number, length: number): Promise<Buffer> {
    const file = await open(join(this.#shard(id), fileName(id, size))).catch(orNotFound);
    try {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async remove(id: PhotoId): Promise<void> {
    for (const size of PHOTO_SIZES) await rm(join(this.#shard(id), fileName(id, size)), { force: true });
  }

  async list(after: string, limit: number): Promise<Stored[]> {
    const photos: Stored[] = [];
    for (const shard of await names(this.#directory)) {
      if (shard.length !== SHARD_DIGITS || shard < after.slice(0, SHARD_DIGITS)) continue;
      const inside = (await names(join(this.#directory, shard))).filter(
        (name) => FILE_NAME.test(name) && name.slice(0, ID_DIGITS) > after,
      );
      const files = await Promise.all(
        // Two sizes a photo; what goes beyond the limit is cut below.
        inside.slice(0, 2 * limit + 2).map(async (name) => ({
          name,
          // One that went meanwhile counts as just written.
          written_at: await stat(join(this.#directory, shard, name)).then(
            ({ mtimeMs }) => mtimeMs,
            () => Date.now(),
          ),
        })),
      );
      photos.push(...gather(files));
      if (photos.length >= limit) break;
    }
    return photos.slice(0, limit);
  }

  async readMark(): Promise<string | undefined> {
    const file = join(this.#directory, MARK);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    // Whoever copies it by hand may end it with a line break.
    return text?.trim();
  }

  async writeMark(mark: string): Promise<void> {
    const file = join(this.#directory, MARK);
    const own = `${file}.${randomUUID()}`;
    await mkdir(this.#directory, { recursive: true });
    await writeFile(own, mark, { flush: true });
    // Of several processes at once the first wins, and no other sees half of what it writes.
    await link(own, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(own, { force: true });
  }

  close(): void {}

  #shard(id: PhotoId): string {
    return join(this.#directory, id.slice(0, SHARD_DIGITS));
  }
}

async function names(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(String((error as NodeJS.ErrnoException).code))) return [];
    throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function orNotFound(error: NodeJS.ErrnoException): never {
  throw error.code === "ENOENT" ? notFound("There is no such photo.") : error;
}

/** Where the bytes of photos are: files or a bucket, behind one small interface. */
import type { PhotoId } from "../../../lib/ids.ts";
import type { PhotoSize } from "../../../lib/photo-urls.ts";

/** What is there of one photo. */
export interface Stored {
  id: PhotoId;
  sizes: PhotoSize[];
  /** When the youngest of them was written (milliseconds since 1970). */
  written_at: number;
}

/** All reject with UNAVAILABLE where the storage does not answer; then a change may have happened or not. */
export interface PhotoStorage {
  /** Keeps the bytes of a file, which may be gone from its place afterwards. Never holds more of them than a stream does. */
  put(id: PhotoId, size: PhotoSize, file: string, contentType: string): Promise<void>;
  /** @returns fewer bytes than asked for only at the end. @throws NOT_FOUND */
  read(id: PhotoId, size: PhotoSize, offset: number, length: number): Promise<Buffer>;
  /** All sizes. Can be repeated. */
  remove(id: PhotoId): Promise<void>;
  /**
   * In the order of ids, the first that come after one.
   * @param limit how many, at most; fewer are not the end, none are
   */
  list(after: string, limit: number): Promise<Stored[]>;
  /** A text that stays with the bytes wherever they are copied. */
  readMark(): Promise<string | undefined>;
  /** Does nothing where there is one. */
  writeMark(mark: string): Promise<void>;
  close(): void;
}

export const FILE_NAME = /^([0-9]{16})\.(thumb|full)$/;
export const fileName = (id: PhotoId, size: PhotoSize): string => `${id}.${size}`;

/** Gathers files, which come in the order of their names, by photo. */
export function gather(files: Iterable<{ name: string; written_at: number }>): Stored[] {
  const photos = new Map<string, Stored>();
  for (const { name, written_at } of files) {
    const [, id = "", size = ""] = FILE_NAME.exec(name) ?? [];
    if (id === "") continue;
    const stored = photos.get(id) ?? { id: id as PhotoId, sizes: [], written_at: 0 };
    // The expression allows nothing else.
    stored.sizes.push(size as PhotoSize);
    stored.written_at = Math.max(stored.written_at, written_at);
    photos.set(id, stored);
  }
  return [...photos.values()];
}

/**
 * Whether the storage at hand is the one that this database's photos are in. Both carry the same mark. The database makes it, and
 * writes it into a storage only while that has neither a mark nor a photo. So a directory that was not mounted does not look as if
 * all photos had lost their bytes, nor another database's bucket as if all its bytes had lost their photos: the sweep would
 * remove them.
 */
import { randomUUID } from "node:crypto";
import { unavailable } from "../../../lib/errors.ts";
import { type Collection, DuplicateKey } from "../../../mixins/collection/collection.ts";
import type { StorageMark } from "../photo.store.ts";
import type { PhotoStorage } from "./storage.ts";

/** Milliseconds between two warnings. */
const WARN_EVERY_MS = 600_000;
const WARNING =
  "This is not the storage that the photos of this database are in: no photo is taken, and nothing removed. " +
  "Correct the settings; or, where it is meant to be so, copy the mark as docs/photos.md says.";

export class Belonging {
  readonly #marks: Collection<StorageMark>;
  readonly #storage: PhotoStorage;
  readonly #warn: (message: string) => void;
  #warnedAt = Number.NEGATIVE_INFINITY;
  /** True from the first time that it was found so. */
  #found = false;

  constructor(marks: Collection<StorageMark>, storage: PhotoStorage, warn: (message: string) => void) {
    this.#marks = marks;
    this.#storage = storage;
    this.#warn = warn;
  }

  /** Asks each time. @throws UNAVAILABLE */
  async holds(): Promise<boolean> {
    const holds = await this.#compare();
    this.#found ||= holds;
    if (!holds && performance.now() - this.#warnedAt > WARN_EVERY_MS) {
      this.#warnedAt = performance.now();
      this.#warn(WARNING);
    }
    return holds;
  }

  /** Before anything is put into the storage. @throws UNAVAILABLE where it is another's, too */
  async mustHold(): Promise<void> {
    if (!this.#found && !(await this.holds())) throw unavailable();
  }

  async #compare(): Promise<boolean> {
    const known = (await this.#marks.findById("storage")) ?? (await this.#makeMark());
    // Asked before the mark is read: another process of this database may write it, and then photos.
    const isFresh = known.unconfirmed === true && (await this.#storage.list("", 1)).length === 0;
    let there = await this.#storage.readMark();
    if (there === undefined && isFresh) {
      await this.#storage.writeMark(known.mark);
      there = await this.#storage.readMark();
    }
    if (there !== known.mark) return false;
    if (known.unconfirmed) await this.#marks.updateOne({ _id: "storage" }, { $unset: { unconfirmed: true } });
    return true;
  }

  async #makeMark(): Promise<StorageMark> {
    try {
      return await this.#marks.insert({ _id: "storage", mark: randomUUID(), unconfirmed: true });
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      const made = await this.#marks.findById("storage");
      if (!made) throw unavailable();
      return made;
    }
  }
}

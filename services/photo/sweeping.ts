/** Looks for bytes without a document and documents without bytes: a stretch of ids at a time, round and round. */
import { each } from "../../lib/each.ts";
import type { PhotoId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { PhotoDocument } from "./photo.store.ts";
import type { Photos } from "./photos.ts";
import type { PhotoStorage } from "./storage/storage.ts";

/** Photos of one stretch: what a run costs, however many there are. */
const STRETCH = 500;

export class OrphanSweep {
  readonly #documents: Collection<PhotoDocument>;
  readonly #photos: Photos;
  readonly #storage: PhotoStorage;
  #after = "";

  constructor(documents: Collection<PhotoDocument>, photos: Photos, storage: PhotoStorage) {
    this.#documents = documents;
    this.#photos = photos;
    this.#storage = storage;
  }

  /**
   * Both are listed in the order of ids, and compared as far as both lists go. The bytes first: a photo that becomes ready in
   * between is too young to be looked at.
   * @param before milliseconds since 1970: what is younger may still be under way
   */
  async run(before: number): Promise<void> {
    const stored = await this.#storage.list(this.#after, STRETCH);
    const documents = await this.#documents.page({
      prefix: "",
      ...(this.#after === "" ? {} : { after: this.#after }),
      limit: STRETCH,
    });
    const lastStored = stored.at(-1)?.id;
    const lastDocument = documents.length === STRETCH ? documents.at(-1)?._id : undefined;
    // Beyond the end of a list there may be more of it; an empty list of bytes is at its end.
    const until = [lastStored, lastDocument].filter((id) => id !== undefined).sort()[0];
    const within = (id: string) => until === undefined || id <= until;
    const known = new Set<PhotoId>(documents.map(({ _id }) => _id));
    const orphans = stored.filter(({ id, written_at }) => !known.has(id) && written_at < before);
    const whole = new Set(stored.filter(({ sizes }) => sizes.length === 2).map(({ id }) => id));
    const lost = documents.filter(
      ({ _id, state, created_at }) => state === "ready" && !whole.has(_id) && created_at < before,
    );
    // Also where one of them can't be removed: the next run looks at the next stretch.
    this.#after = until ?? "";
    const removals = [
      ...orphans.map(({ id }) => ({ id, remove: () => this.#storage.remove(id) })),
      ...lost.map(({ _id: id }) => ({ id, remove: () => this.#photos.removeLost(id) })),
    ];
    await each(
      removals.filter(({ id }) => within(id)),
      ({ remove }) => remove(),
    );
  }
}

/**
 * Whether the storage at hand is the one that this database's photos are in. Both carry the same mark, made at the first start.
 * A directory that was not mounted, or another process' own, would else look as if all photos had lost their bytes, and the
 * sweep would remove them.
 */
import { randomUUID } from "node:crypto";
import { type Collection, DuplicateKey } from "../../../mixins/collection/collection.ts";
import type { StorageMark } from "../photo.store.ts";
import type { PhotoStorage } from "./storage.ts";

export async function belongsTogether(
  marks: Collection<StorageMark>,
  storage: PhotoStorage,
): Promise<boolean> {
  const mark = await storage.mark(randomUUID());
  const known = await marks.findById("storage");
  if (known) return known.mark === mark;
  try {
    await marks.insert({ _id: "storage", mark });
    return true;
  } catch (error) {
    if (!(error instanceof DuplicateKey)) throw error;
    return belongsTogether(marks, storage);
  }
}

// What can't be removed keeps nothing else from being removed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { unavailable } from "../../lib/errors.ts";
import { newPhotoId, type PhotoId, type UserId } from "../../lib/ids.ts";
import { PhotoUrls } from "../../lib/photo-urls.ts";
import { type OpenCollection, openCollection } from "../../mixins/collection/collection.ts";
import { type PhotoDocument, photoCollections } from "./photo.store.ts";
import { Photos } from "./photos.ts";
import { FileStorage } from "./storage/file-storage.ts";
import { OrphanSweep } from "./sweeping.ts";

const ANN = "0000000000000001" as UserId;
const LATER = Date.now() + 60_000;

/** One photo can't be removed. */
class StubbornStorage extends FileStorage {
  stuck: PhotoId | undefined;

  override async remove(id: PhotoId): Promise<void> {
    if (id === this.stuck) throw unavailable();
    await super.remove(id);
  }
}

let directory: string;
let collection: OpenCollection<PhotoDocument>;
let storage: StubbornStorage;
let photos: Photos;
let ids: PhotoId[];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-sweeping-"));
  collection = await openCollection<PhotoDocument>(photoCollections.photos, { checkQueries: true }, console);
  storage = new StubbornStorage(join(directory, "photos"), false);
  const urls = new PhotoUrls({ PHOTO_URL_TTL_S: 60 });
  photos = new Photos(
    collection,
    storage,
    urls,
    async () => {},
    async () => {},
  );
  ids = [];
});
afterEach(async () => {
  await collection.close();
  rmSync(directory, { recursive: true, force: true });
});

const putBytes = async (id: PhotoId) => {
  for (const size of ["thumb", "full"] as const) {
    writeFileSync(join(directory, "file"), "bytes");
    await storage.put(id, size, join(directory, "file"));
  }
};
/** More than fit into a portion. */
async function store(count: number, more: Partial<PhotoDocument>, withBytes = true): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const _id = newPhotoId();
    const sizes = { width: 1, height: 1, full_bytes: 5, thumb_bytes: 5 };
    const fixed = { owner: ANN, kind: "gallery", content_type: "image/png", created_at: 1 } as const;
    await collection.insert({ _id, state: "ready", ...fixed, ...sizes, ...more });
    if (withBytes) await putBytes(_id);
    ids.push(_id);
  }
  [storage.stuck] = ids;
}
const left = async () => (await collection.page({ prefix: "", limit: 1_000 })).map(({ _id }) => _id);

test("of an account that goes", async () => {
  await store(120, {});
  await expect(photos.removeAllOf(ANN)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  expect(await left()).toEqual(ids.slice(0, 1));
  storage.stuck = undefined;
  await photos.removeAllOf(ANN);
  expect([await left(), await storage.list("", 10)]).toEqual([[], []]);
});

test("of what crashes left", async () => {
  await store(3, { state: "storing", unsettled_since: 1 });
  await store(3, { state: "deleting", unsettled_since: 2 });
  await expect(photos.settle(LATER, async () => true)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  expect(await left()).toEqual(ids.slice(0, 1));
});

test("of bytes without a document, and documents without bytes; and the sweep goes round", async () => {
  await putBytes("0000000000000042" as PhotoId);
  await store(3, {}, false);
  storage.stuck = "0000000000000042" as PhotoId;
  const orphans = new OrphanSweep(collection, photos, storage);
  await expect(orphans.run(LATER)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  // The next stretch.
  await orphans.run(LATER);
  expect([await left(), (await storage.list("", 10)).length]).toEqual([[], 1]);
  storage.stuck = undefined;
  await orphans.run(LATER);
  expect(await storage.list("", 10)).toEqual([]);
});

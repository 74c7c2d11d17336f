/**
 * Photos and their bytes. A photo is written in this order, and removed in the other, so that a crash at any point leaves what
 * the sweeps can tell apart: the document (`storing`), its bytes, the document is `ready`; the document is `deleting`, the bytes
 * go, whoever shows it is told, the document goes.
 */
import type { z } from "zod";
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import { each } from "../../lib/each.ts";
import { notFound, permissionDenied, unavailable } from "../../lib/errors.ts";
import { newPhotoId, type PhotoId, type UserId } from "../../lib/ids.ts";
import type { PhotoUrls } from "../../lib/photo-urls.ts";
import { type Collection, DuplicateKey } from "../../mixins/collection/collection.ts";
import { owing, type PublishOwed, payDebts } from "../../mixins/durable-events/debts.ts";
import { CONTENT_TYPES } from "./imaging/images.ts";
import type { Decoded } from "./imaging/protocol.ts";
import type { Kind, Photo as PhotoSchema } from "./photo.contract.ts";
import { listKey, listPrefix, type PhotoDocument } from "./photo.store.ts";
import type { PhotoStorage } from "./storage/storage.ts";
import { fullOf, thumbOf } from "./uploads.ts";

export type Photo = z.output<typeof PhotoSchema>;

interface NewPhoto {
  owner: UserId;
  kind: Kind;
  /** Of the upload, beside which both sizes are. */
  path: string;
  decoded: Decoded;
  /** Whether the owner's account is there and not being deleted. */
  isActive(): Promise<boolean>;
}

const THUMB_TYPE = "image/webp";
const ATTEMPTS = 5;
const PORTION = 100;

export class Photos {
  readonly #photos: Collection<PhotoDocument>;
  readonly #storage: PhotoStorage;
  readonly #urls: PhotoUrls;
  readonly #publish: PublishOwed;
  readonly #forget: (id: PhotoId) => Promise<void>;

  /** @param forget what is cached of a photo */
  constructor(
    photos: Collection<PhotoDocument>,
    storage: PhotoStorage,
    urls: PhotoUrls,
    publish: PublishOwed,
    forget: (id: PhotoId) => Promise<void>,
  ) {
    this.#photos = photos;
    this.#storage = storage;
    this.#urls = urls;
    this.#publish = publish;
    this.#forget = forget;
  }

  /** @throws UNAVAILABLE; then nothing is left, or what the sweep removes. NOT_FOUND where the account goes */
  async keep({ owner, kind, path, decoded, isActive }: NewPhoto): Promise<PhotoDocument> {
    const { format, ...sizes } = decoded;
    const photo = await this.#insert({
      ...{ owner, kind, state: "storing", content_type: CONTENT_TYPES[format], ...sizes },
      ...{ created_at: Date.now(), unsettled_since: Date.now() },
    });
    try {
      // After the document is there: an account that goes from here on takes it along.
      if (!(await isActive())) throw notFound("There is no such user.");
      await this.#storage.put(photo._id, "thumb", thumbOf(path), THUMB_TYPE);
      await this.#storage.put(photo._id, "full", fullOf(path), photo.content_type);
      const ready = await this.#photos.findOneAndUpdate(
        { _id: photo._id, state: "storing" },
        kind === "gallery"
          ? {
              $set: { state: "ready", list_key: listKey(owner, photo._id) },
              $unset: { unsettled_since: true },
            }
          : { $set: { state: "ready" } },
      );
      if (!ready) throw unavailable();
      return ready;
    } catch (error) {
      // What fails here the sweep does.
      await this.#begin({ _id: photo._id }, false)
        .then((doomed) => doomed && this.#finish(doomed))
        .catch(() => {});
      throw error;
    }
  }

  /** @throws NOT_FOUND */
  async get(id: PhotoId): Promise<PhotoDocument> {
    const photo = await this.#photos.findById(id);
    if (photo?.state !== "ready") throw noSuchPhoto();
    return photo;
  }

  /** The gallery of a user, newest first. */
  async page(owner: UserId, limit: number, cursor: string | undefined) {
    const list = `photos:${owner}`;
    const rows = await this.#photos.page({
      index: "list_key",
      prefix: listPrefix(owner),
      ...(cursor === undefined ? {} : { after: decodeCursor(list, cursor) }),
      order: "desc",
      limit: limit + 1,
    });
    const { items, next_cursor } = toPage(list, rows, limit, ({ list_key }) => list_key ?? "");
    return { photos: items.map((photo) => photoOf(photo, this.#urls)), next_cursor };
  }

  /** Nobody sees it from here on; what is left of it may go later. @throws NOT_FOUND, PERMISSION_DENIED */
  async remove(id: PhotoId, user: UserId): Promise<void> {
    const { owner } = await this.get(id);
    if (owner !== user) throw permissionDenied("This is not your photo.");
    const doomed = await this.#begin({ _id: id, state: "ready" }, true);
    if (doomed) await this.#finish(doomed).catch(() => {});
  }

  /** An image that nobody holds any more. Can be repeated. @throws UNAVAILABLE */
  async release(id: PhotoId, owner: UserId): Promise<void> {
    const photo = await this.#photos.findById(id);
    if (photo?.owner !== owner || photo.kind === "gallery") return;
    const doomed = await this.#begin({ _id: id }, false);
    if (doomed) await this.#finish(doomed);
  }

  /** All that can be removed; can be repeated. @throws UNAVAILABLE where one could not */
  removeAllOf(owner: UserId): Promise<void> {
    return each(this.#allOf(owner), async ({ _id }) => {
      const doomed = await this.#begin({ _id }, false);
      if (doomed) await this.#finish(doomed);
    });
  }

  /** One whose bytes are lost: whoever shows it is told. */
  async removeLost(id: PhotoId): Promise<void> {
    const doomed = await this.#begin({ _id: id, state: "ready" }, true);
    if (doomed) await this.#finish(doomed);
  }

  /**
   * Finishes what crashes left, and asks about images of which it is not known whether they are held.
   * @param before milliseconds since 1970
   * @param isHeld undefined where it can't be told now
   */
  settle(before: number, isHeld: (photo: PhotoDocument) => Promise<boolean | undefined>): Promise<void> {
    return each(this.#unsettled(before), async (photo) => {
      if (photo.state === "ready") return this.#settleHeld(photo, await isHeld(photo));
      const doomed = photo.state === "deleting" ? photo : await this.#begin({ _id: photo._id }, false);
      if (doomed) await this.#finish(doomed);
    });
  }

  async *#allOf(owner: UserId): AsyncGenerator<PhotoDocument> {
    let after = "";
    for (;;) {
      const portion = await this.#photos.find(
        { owner, _id: { $gt: after as PhotoId } },
        { sort: { _id: 1 }, limit: PORTION },
      );
      yield* portion;
      after = portion.at(-1)?._id ?? "";
      if (portion.length < PORTION) return;
    }
  }

  async *#unsettled(before: number): AsyncGenerator<PhotoDocument> {
    let from = 0;
    for (;;) {
      const portion = await this.#photos.find(
        { unsettled_since: { $gt: from, $lt: before } },
        { sort: { unsettled_since: 1 }, limit: PORTION },
      );
      yield* portion;
      from = portion.at(-1)?.unsettled_since ?? before;
      if (portion.length < PORTION) return;
    }
  }

  async #settleHeld({ _id, owner }: PhotoDocument, held: boolean | undefined): Promise<void> {
    if (held === false) await this.release(_id, owner);
    if (held) await this.#photos.updateOne({ _id, state: "ready" }, { $unset: { unsettled_since: true } });
  }

  async #insert(photo: Omit<PhotoDocument, "_id">): Promise<PhotoDocument> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      try {
        return await this.#photos.insert({ _id: newPhotoId(), ...photo });
      } catch (error) {
        // The id is taken.
        if (!(error instanceof DuplicateKey)) throw error;
      }
    }
    throw unavailable();
  }

  /** @param tell whether those who show it are to be told */
  async #begin(which: { _id: PhotoId; state?: "ready" }, tell: boolean): Promise<PhotoDocument | null> {
    const photo = await this.#photos.findById(which._id);
    if (!photo || (which.state && photo.state !== which.state)) return null;
    if (photo.state === "deleting") return photo;
    const payload = { photo_id: photo._id, user_id: photo.owner };
    return this.#photos.findOneAndUpdate(
      { _id: photo._id, state: photo.state },
      {
        $set: {
          ...{ state: "deleting", unsettled_since: Date.now() },
          ...(tell ? owing({ event: "photo.deleted", payload }) : {}),
        },
        $unset: { list_key: true },
      },
    );
  }

  /** @throws UNAVAILABLE; then the sweep goes on with it */
  async #finish(doomed: PhotoDocument): Promise<void> {
    await this.#forget(doomed._id);
    await this.#storage.remove(doomed._id);
    await payDebts(this.#photos, doomed, this.#publish);
    await this.#photos.deleteOne({ _id: doomed._id, state: "deleting" });
  }
}

const noSuchPhoto = () => notFound("There is no such photo.");

export const photoOf = (photo: Omit<PhotoDocument, "state" | "kind">, urls: PhotoUrls): Photo => ({
  id: photo._id,
  user_id: photo.owner,
  content_type: photo.content_type,
  width: photo.width,
  height: photo.height,
  size: photo.full_bytes,
  url: urls.of(photo._id, "full"),
  thumb_url: urls.of(photo._id, "thumb"),
  created_at_unix_ms: photo.created_at,
});

export const typeOf = (photo: { content_type: string }, size: "thumb" | "full"): string =>
  size === "thumb" ? THUMB_TYPE : photo.content_type;

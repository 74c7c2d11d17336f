/** Photos of users: their bytes, and what is known of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "moleculer";
import { call } from "../../lib/contract.ts";
import { each } from "../../lib/each.ts";
import { notFound, permissionDenied } from "../../lib/errors.ts";
import type { PhotoId, UserId } from "../../lib/ids.ts";
import { PhotoUrls } from "../../lib/photo-urls.ts";
import { callerOf, implement } from "../../mixins/actions.ts";
import { cachedBy, forget, forgetting } from "../../mixins/cached.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume, publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { isHeld } from "./holders.ts";
import { Decoder } from "./imaging/decoder.ts";
import { ImageReleased, keepUpload, photoContract } from "./photo.contract.ts";
import { photoCollections } from "./photo.store.ts";
import { Photos, photoOf, typeOf } from "./photos.ts";
import { FileStorage } from "./storage/file-storage.ts";
import { GcsStorage } from "./storage/gcs-storage.ts";
import type { PhotoStorage } from "./storage/storage.ts";
import { Belonging } from "./storage/storage-mark.ts";
import { OrphanSweep } from "./sweeping.ts";
import { fullOf, thumbOf, Uploads } from "./uploads.ts";
import { mayView } from "./viewing.ts";

interface PhotoService extends WithCollections<typeof photoCollections> {
  urls: PhotoUrls;
  uploads: Uploads;
  decoder: Decoder;
  storage: PhotoStorage;
  belonging: Belonging;
  photos: Photos;
  orphans: OrphanSweep;
  /** Where there is no DATA_DIR: gone when the service stops. */
  temporary?: string;
}

/** Milliseconds without a chunk, after which whoever sends an upload is gone. The gateway gives up sooner. */
const UPLOAD_IDLE_MS = 30_000;

const idOf = (upload: string) => upload.slice(0, upload.indexOf("@"));

const find = (ctx: Context, photo_id: PhotoId) =>
  call(ctx, "v1.photo.findPhoto", { photo_id }, { nodeID: ctx.broker.nodeID });

/** A photo that the viewer may not see is as good as none. @throws NOT_FOUND */
async function findVisible(ctx: Context, viewer: UserId, photo_id: PhotoId) {
  const photo = await find(ctx, photo_id);
  if (!(await mayView(ctx, viewer, photo.owner))) throw notFound("There is no such photo.");
  return photo;
}

const stale = (service: PhotoService) => Date.now() - runtimeOf(service.broker).config.STALE_AFTER_MS;

export default defineService<PhotoService>({
  name: "photo",
  version: 1,
  metadata: { needs: ["v1.auth", "v1.users", "v1.social"] },
  mixins: [
    collections(photoCollections),
    forgetting,
    sweep<PhotoService>({
      name: "photos that are not settled",
      async run() {
        const steps = [
          () => this.uploads.sweep(stale(this)),
          () => this.photos.settle(stale(this), (photo) => isHeld(this.broker, photo)),
        ];
        await each(steps, (step) => step());
      },
    }),
    sweep<PhotoService>({
      name: "orphaned photos",
      async run() {
        if (await this.belonging.holds()) await this.orphans.run(stale(this));
      },
    }),
  ],

  actions: implement<typeof photoContract, PhotoService>(
    photoContract,
    {
      "v1.photo.loadPhoto"(ctx) {
        return keepUpload(ctx, ctx.params.upload, "gallery");
      },
      async "v1.photo.getPhotos"(ctx) {
        const { user_id: owner, limit, cursor } = ctx.params;
        const [page, { exists }, visible] = await Promise.all([
          this.photos.page(owner, limit, cursor),
          call(ctx, "v1.users.exists", { user_id: owner }),
          mayView(ctx, callerOf(ctx).id, owner),
        ]);
        if (!exists || !visible) throw notFound("There is no such user.");
        return page;
      },
      "v1.photo.getMyPhotos"(ctx) {
        return this.photos.page(callerOf(ctx).id, ctx.params.limit, ctx.params.cursor);
      },
      async "v1.photo.getPhoto"(ctx) {
        const { photo_id, ...photo } = await findVisible(ctx, callerOf(ctx).id, ctx.params.photo_id);
        return photoOf({ _id: photo_id, ...photo }, this.urls);
      },
      async "v1.photo.deletePhoto"(ctx) {
        await this.photos.remove(ctx.params.photo_id, callerOf(ctx).id);
        return null;
      },
      async "v1.photo.readPhoto"(ctx) {
        const { photo_id, size, exp, sig } = ctx.params;
        const signed = exp !== undefined && sig !== undefined;
        if (signed && !this.urls.isGood(photo_id, size, exp, sig)) {
          throw permissionDenied("This link has ended, or was changed.");
        }
        const photo = signed ? await find(ctx, photo_id) : await findVisible(ctx, callerOf(ctx).id, photo_id);
        const bytes = size === "thumb" ? photo.thumb_bytes : photo.full_bytes;
        return { photo_id, size, content_type: typeOf(photo, size), bytes };
      },

      async "v1.photo.beginUpload"(ctx) {
        return {
          upload: `${await this.uploads.begin(callerOf(ctx).id, ctx.params.formats)}@${this.broker.nodeID}`,
        };
      },
      async "v1.photo.writeChunk"(ctx) {
        const { upload, seq, bytes } = ctx.params;
        const chunk = typeof bytes === "string" ? Buffer.from(bytes, "base64") : bytes;
        await this.uploads.write(idOf(upload), callerOf(ctx).id, seq, chunk);
        return null;
      },
      async "v1.photo.abortUpload"(ctx) {
        await this.uploads.abort(idOf(ctx.params.upload), callerOf(ctx).id);
        return null;
      },
      async "v1.photo.keepUpload"(ctx) {
        const { upload, kind } = ctx.params;
        const { id: owner } = callerOf(ctx);
        const { path, format, gone } = await this.uploads.take(idOf(upload), owner);
        try {
          const maxPixels = runtimeOf(this.broker).config.PHOTO_MAX_PIXELS;
          const sizes = { source: path, full: fullOf(path), thumb: thumbOf(path) };
          await this.belonging.mustHold();
          const decoded = await this.decoder.decode({ ...sizes, format, maxPixels }, owner, gone);
          const isActive = async () => (await call(ctx, "v1.auth.isActive", { user_id: owner })).active;
          return photoOf(await this.photos.keep({ owner, kind, path, decoded, isActive }), this.urls);
        } finally {
          await this.uploads.discard(idOf(upload));
        }
      },
      async "v1.photo.readChunk"(ctx) {
        const { photo_id, size, offset, length } = ctx.params;
        const bytes = await this.storage.read(photo_id, size, offset, length);
        return { bytes: ctx.nodeID === this.broker.nodeID ? bytes : bytes.toString("base64") };
      },
      async "v1.photo.findPhoto"(ctx) {
        const { _id, owner, content_type, width, height, full_bytes, thumb_bytes, created_at } =
          await this.photos.get(ctx.params.photo_id);
        return { photo_id: _id, owner, content_type, width, height, full_bytes, thumb_bytes, created_at };
      },
    },
    { "v1.photo.findPhoto": cachedBy("photo_id") },
  ),

  channels: consume<PhotoService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await this.photos.removeAllOf(user_id);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "photo" });
      },
    },
    "image.released": {
      schema: ImageReleased,
      async handler({ photo_id, user_id }) {
        await this.photos.release(photo_id, user_id);
      },
    },
  }),

  async started() {
    const { config } = runtimeOf(this.broker);
    if (config.DATA_DIR === undefined) this.temporary = mkdtempSync(join(tmpdir(), "veche-photos-"));
    const directory = join(config.DATA_DIR ?? this.temporary ?? "", "photos");
    this.storage =
      config.GCS_BUCKET === undefined
        ? new FileStorage(directory, config.DATA_FSYNC)
        : new GcsStorage({
            bucket: config.GCS_BUCKET,
            endpoint: config.STORAGE_EMULATOR_HOST,
            namespace: config.NAMESPACE,
            warn: (message) => this.logger.warn(message),
          });
    const warn = (message: string) => this.logger.error(message);
    this.belonging = new Belonging(this.collections.marks, this.storage, warn);
    this.urls = new PhotoUrls(config);
    const limits = {
      maxBytes: config.PHOTO_MAX_BYTES,
      maxPixels: config.PHOTO_MAX_PIXELS,
      idle: UPLOAD_IDLE_MS,
    };
    this.uploads = new Uploads(join(directory, "uploads"), limits, warn);
    this.decoder = new Decoder(warn);
    this.photos = new Photos(
      this.collections.photos,
      this.storage,
      this.urls,
      (event, payload) => publish(this.broker, event, payload),
      (id) => forget(this.broker, ["v1.photo.findPhoto", id]),
    );
    this.orphans = new OrphanSweep(this.collections.photos, this.photos, this.storage);
  },

  async stopped() {
    await this.uploads?.close();
    this.decoder?.close();
    this.storage?.close();
    if (this.temporary) rmSync(this.temporary, { recursive: true, force: true });
  },
});

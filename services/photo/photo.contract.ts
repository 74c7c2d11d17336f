/** Photos: images that users upload, with the bytes. Avatars and images of posts are photos too. */
import type { Context } from "moleculer";
import { z } from "zod";
import { type ActionTypes, call, defineContract } from "../../lib/contract.ts";
import { pageParams } from "../../lib/cursors.ts";
import { PhotoIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { PHOTO_SIZES } from "../../lib/photo-urls.ts";

/** What an image is for. Those of the gallery are listed; the others belong to what shows them, and go with it. */
export const KINDS = ["gallery", "avatar", "post"] as const;
export type Kind = (typeof KINDS)[number];

/** Bytes of one chunk of an upload: as many as a socket gives at once. Much larger strings would be garbage that stays for long. */
export const UPLOAD_CHUNK = 64 * 1024;
/** Of one that stays within the process. */
export const LOCAL_CHUNK = 256 * 1024;
/** Bytes that are read at once, at most. */
export const READ_CHUNK = 192 * 1024;

/** Of images that are taken. */
export const FORMATS = ["jpeg", "png", "webp", "gif"] as const;

export const Photo = z
  .object({
    id: z.string(),
    user_id: z.string(),
    content_type: z.string().describe("of the full size; thumbnails are WebP"),
    width: z.int(),
    height: z.int().describe("of an animation: of one frame"),
    size: z.int().describe("bytes of the full size"),
    url: z.string().describe("shows the bytes without a token until it ends; relative without PUBLIC_URL"),
    thumb_url: z.string(),
    created_at_unix_ms: z.int(),
  })
  .meta({ id: "Photo" });

const Gallery = z.object({ photos: z.array(Photo), next_cursor: z.string().nullable() });

/** An upload under way, as `<id>@<node>`: its bytes are on that node until it is kept. */
export const UploadSchema = z.string().regex(/^[0-9a-f-]{36}@[\w.-]{1,200}$/, "must be an upload");

/** As they are within a process, in base64 between two: Moleculer would make a JSON array of numbers of them. */
const bytes = z.union([z.custom<Uint8Array>((value) => ArrayBuffer.isView(value)), z.string()]);
export type Bytes = z.output<typeof bytes>;

const size = z.enum(PHOTO_SIZES);

export const photoContract = defineContract({
  "v1.photo.loadPhoto": {
    audience: "user",
    params: z.strictObject({ upload: UploadSchema }),
    result: Photo,
  },
  "v1.photo.getPhotos": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, ...pageParams }),
    result: Gallery,
  },
  "v1.photo.getMyPhotos": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: Gallery,
  },
  "v1.photo.getPhoto": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ photo_id: PhotoIdSchema }),
    result: Photo,
  },
  /** Its owner only. Whatever shows it drops it. */
  "v1.photo.deletePhoto": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ photo_id: PhotoIdSchema }),
    result: z.null(),
  },
  /** What one who may see the photo needs to read its bytes with `readChunk`. Either signed in, or with a signed URL. */
  "v1.photo.readPhoto": {
    audience: "anyone",
    idempotent: true,
    params: z
      .strictObject({
        photo_id: PhotoIdSchema,
        size: size.default("full"),
        exp: z.int().min(0).optional().describe("seconds since 1970, of a signed URL"),
        sig: z.string().max(64).optional(),
      })
      .refine(({ exp, sig }) => (exp === undefined) === (sig === undefined), {
        path: ["sig"],
        message: "exp and sig belong together",
      }),
    result: z.object({ photo_id: PhotoIdSchema, size, content_type: z.string(), bytes: z.int() }),
  },

  /** The caller's upload, begun on the node that answers. RESOURCE_EXHAUSTED where too many are under way. */
  "v1.photo.beginUpload": {
    audience: "services",
    params: z.strictObject({
      formats: z
        .array(z.enum(FORMATS))
        .min(1)
        .optional()
        .describe("what it may turn out to be; default: any"),
    }),
    result: z.object({ upload: UploadSchema }),
  },
  /** Answers when the bytes are on the disk: who waits for the answer before it sends more can't be too fast. */
  "v1.photo.writeChunk": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ upload: UploadSchema, seq: z.int().min(0), bytes }),
    result: z.null(),
  },
  /** Can be repeated, also when the upload was kept. */
  "v1.photo.abortUpload": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ upload: UploadSchema }),
    result: z.null(),
  },
  /** Makes a photo of the caller of a whole upload. Other services call it by `keepUpload` below. */
  "v1.photo.keepUpload": {
    audience: "services",
    params: z.strictObject({ upload: UploadSchema, kind: z.enum(KINDS) }),
    result: Photo,
  },
  "v1.photo.readChunk": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      photo_id: PhotoIdSchema,
      size,
      offset: z.int().min(0),
      length: z.int().min(1).max(READ_CHUNK),
    }),
    result: z.object({ bytes }),
  },
  /** What is kept about a photo, whoever may see it. */
  "v1.photo.findPhoto": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ photo_id: PhotoIdSchema }),
    result: z.object({
      photo_id: PhotoIdSchema,
      owner: UserIdSchema,
      content_type: z.string(),
      width: z.int(),
      height: z.int(),
      full_bytes: z.int(),
      thumb_bytes: z.int(),
      created_at: z.int(),
    }),
  },
});

/** The node that an upload is on: calls about it go there. */
export const nodeOf = (upload: string): string => upload.slice(upload.indexOf("@") + 1);

/** Long enough to decode and to store: what waits for longer is given up. Shorter than `STALE_AFTER_MS`. */
export const KEEP_WITHIN_MS = 45_000;

/**
 * Makes a photo of an upload of the caller. Whoever calls it keeps the id that it answers, and answers `holdsImage` about it:
 * a photo which nobody holds after a while is removed.
 * @throws INVALID_ARGUMENT for what is no image; NOT_FOUND where the upload is gone; UNAVAILABLE
 */
export const keepUpload = (ctx: Context, upload: string, kind: Kind) =>
  call(ctx, "v1.photo.keepUpload", { upload, kind }, { nodeID: nodeOf(upload), timeout: KEEP_WITHIN_MS });

/** Durable: the photo is gone. Drop what refers to it. */
export const PhotoDeleted = z.object({ photo_id: PhotoIdSchema, user_id: UserIdSchema });

/** Durable, from those who hold images: this one is held no more. */
export const ImageReleased = z.object({ photo_id: PhotoIdSchema, user_id: UserIdSchema });

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof photoContract> {}
  interface DurableEvents {
    "photo.deleted": z.output<typeof PhotoDeleted>;
    "image.released": z.output<typeof ImageReleased>;
  }
}

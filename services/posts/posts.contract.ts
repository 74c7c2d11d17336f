/** Posts: what users write for everybody, with text, an image, or both. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { MAX_LIMIT, MAX_OFFSET, offsetParams, pageParams } from "../../lib/cursors.ts";
import { PhotoIdSchema, PostIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { textOf } from "../../lib/text.ts";
import { ImportedTime, MAX_RECORDS } from "../imports/imports.contract.ts";
import { UploadSchema } from "../photo/photo.contract.ts";

export const MAX_TEXT = 5_000;
const MAX_QUERY = 200;
/** How many `listPostsAt` answers at once, however long they are: what NATS carries in one message. */
export const MAX_POSTS_AT = 30;

const text = textOf(MAX_TEXT);

export const Post = z
  .object({
    id: z.string(),
    author_id: z.string(),
    text: z.string().describe("empty where there is only an image"),
    image: z
      .object({
        photo_id: z.string(),
        width: z.int(),
        height: z.int(),
        url: z
          .string()
          .describe("shows the bytes without a token until it ends; relative without PUBLIC_URL"),
        thumb_url: z.string(),
      })
      .nullable(),
    created_at_unix_ms: z.int(),
    edited_at_unix_ms: z.int().nullable(),
  })
  .meta({ id: "Post" });

const page = z.object({
  posts: z.array(Post).describe("newest first; a page with a next_cursor may be shorter than its limit"),
  next_cursor: z.string().nullable(),
});

export const hasText = (given: string | undefined): given is string => (given ?? "").trim() !== "";

const wanted = {
  author: UserIdSchema.optional(),
  query: z
    .string()
    .trim()
    .min(1)
    .max(MAX_QUERY)
    .optional()
    .describe("words that must all be in the text; the last one may be how a word begins"),
};

/** A post of an older system. Those have no images here: their bytes are not in that system's database. */
export const ImportedPost = z.strictObject({
  id: PostIdSchema,
  author: UserIdSchema,
  text: text.refine(hasText, "must not be empty"),
  created_at: ImportedTime,
});

export const postsContract = defineContract({
  "v1.posts.createPost": {
    audience: "user",
    params: z
      .strictObject({ text: text.optional(), upload: UploadSchema.optional() })
      .refine((given) => hasText(given.text) || given.upload !== undefined, {
        path: ["text"],
        message: "a post needs a text, an image, or both",
      }),
    result: Post,
  },
  "v1.posts.listPosts": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      ...wanted,
      ...pageParams,
    }),
    result: page,
  },
  /** As `listPosts`, for clients that page by offset. Reads all that it skips: so not far. */
  "v1.posts.listPostsAt": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      ...wanted,
      ...offsetParams,
      // Of those that are asked for in portions.
      offset: z
        .int()
        .min(0)
        .max(MAX_OFFSET + MAX_LIMIT)
        .default(0),
      limit: z.int().min(1).max(MAX_POSTS_AT).default(MAX_POSTS_AT),
    }),
    result: z.object({ posts: z.array(Post).describe("without those of who has blocked the reader") }),
  },
  "v1.posts.getPost": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: PostIdSchema }),
    result: Post,
  },
  /** Its author only. Refused where neither text nor image would remain. */
  "v1.posts.updatePost": {
    audience: "user",
    params: z
      .strictObject({
        id: PostIdSchema,
        text: text.optional().describe("an empty one takes the text away"),
        base_text: z
          .string()
          .max(MAX_TEXT)
          .optional()
          .describe("what `text` was made of: refused where the post says something else by now"),
        upload: UploadSchema.optional(),
        remove_image: z.boolean().optional(),
      })
      .refine(({ text, upload, remove_image }) => text !== undefined || upload || remove_image, {
        message: "one of text, image or remove_image is needed",
      })
      .refine(({ upload, remove_image }) => !(upload && remove_image), {
        path: ["remove_image"],
        message: "can't be together with an image",
      })
      .describe("what is left out stays as it is"),
    result: Post,
  },
  /** Its author only. */
  "v1.posts.deletePost": {
    audience: "user",
    params: z.strictObject({ id: PostIdSchema }),
    result: z.null(),
  },
  "v1.posts.feed": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: page,
  },
  /** For the import: in the order of the posts. */
  "v1.posts.importPosts": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ posts: z.array(ImportedPost).min(1).max(MAX_RECORDS) }),
    result: z.object({ outcomes: z.array(z.object({ outcome: z.enum(["made", "there"]) })) }),
  },
  /** Whether a photo is the image of a post of the user's. */
  "v1.posts.holdsImage": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, photo_id: PhotoIdSchema }),
    result: z.object({ holds: z.boolean() }),
  },
});

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof postsContract> {}
}

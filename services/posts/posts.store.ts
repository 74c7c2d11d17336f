/** The collection of posts. */
import type { PhotoId, PostId, UserId } from "../../lib/ids.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";
import { type Owing, owedIndex } from "../../mixins/durable-events/debts.ts";

export interface PostImage {
  id: PhotoId;
  width: number;
  height: number;
}

export interface PostDocument extends Owing {
  _id: PostId;
  /** Absent of one that is deleted, and kept only until what it owes is paid. */
  author?: UserId;
  /** Absent where there is only an image. */
  text?: string;
  image?: PostImage;
  /** What it is found by: see `terms.ts`. */
  terms?: string[];
  created_at: number;
  edited_at?: number;
  /** One more with each change: every change is a compare-and-set on it. */
  revision: number;
  deleted_at?: number;
}

export type LivePost = PostDocument & { author: UserId };

export const isLive = (post: PostDocument | null): post is LivePost => post?.author !== undefined;

export const postsCollections = {
  posts: defineCollection<PostDocument>({
    name: "posts",
    indexes: [
      { fields: ["author", "_id"] },
      { fields: ["terms", "_id"] },
      { fields: ["image.id"], name: "image" },
      { fields: ["deleted_at"] },
      owedIndex,
    ],
  }),
};

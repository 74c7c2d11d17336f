/**
 * Posts: made, changed and deleted by their authors. One that is deleted is seen by nobody from the first write on, and kept only
 * until its image was given back.
 */
import type { z } from "zod";
import {
  failedPrecondition,
  invalidArgument,
  notFound,
  permissionDenied,
  unavailable,
} from "../../lib/errors.ts";
import { newPostId, type PhotoId, type PostId, type UserId } from "../../lib/ids.ts";
import type { PhotoUrls } from "../../lib/photo-urls.ts";
import { type Collection, DuplicateKey, type Update } from "../../mixins/collection/collection.ts";
import { owe, type PublishOwed, payDebts, sweepDebts } from "../../mixins/durable-events/debts.ts";
import { hasText, type ImportedPost, type Post as PostSchema } from "./posts.contract.ts";
import { isLive, type LivePost, type PostDocument, type PostImage } from "./posts.store.ts";
import { termsOf } from "./terms.ts";

export type Post = z.output<typeof PostSchema>;

interface Content {
  text?: string | undefined;
  image?: PostImage | undefined;
}

/** What is undefined stays; an empty text and a null image are taken away. */
interface PostChanges {
  text?: string | undefined;
  /** What the text was made of. */
  base_text?: string | undefined;
  image?: PostImage | null | undefined;
}

const ATTEMPTS = 5;
const PORTION = 100;

export class Posts {
  readonly #posts: Collection<PostDocument>;
  readonly #publish: PublishOwed;

  constructor(posts: Collection<PostDocument>, publish: PublishOwed) {
    this.#posts = posts;
    this.#publish = publish;
  }

  /** With a text, an image, or both. */
  async create(author: UserId, { text, image }: Content): Promise<LivePost> {
    const content = { ...(hasText(text) ? { text, terms: termsOf(text) } : {}), ...(image ? { image } : {}) };
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const post = { _id: newPostId(), author, ...content, created_at: Date.now(), revision: 0 };
      try {
        await this.#posts.insert(post);
        return post;
      } catch (error) {
        // The id is taken.
        if (!(error instanceof DuplicateKey)) throw error;
      }
    }
    throw unavailable();
  }

  /**
   * Posts of an older system, under ids that were reserved for them. Can be repeated.
   * @param posts at most 1000
   * @returns the ids of those that were made now
   */
  async import(posts: z.output<typeof ImportedPost>[]): Promise<Set<PostId>> {
    const found = await this.#posts.findByIds(posts.map(({ id }) => id));
    const known = new Set(found.map(({ _id }) => _id));
    const missing = posts.filter(({ id }) => !known.has(id));
    const { inserted } = await this.#posts.insertMany(
      missing.map(({ id: _id, author, text, created_at }) => ({
        ...{ _id, author, text, terms: termsOf(text), created_at, revision: 0 },
      })),
    );
    // Another import of the same is at it: repeated, its posts are there.
    if (inserted < missing.length) throw unavailable();
    return new Set(missing.map(({ id }) => id));
  }

  /** @throws NOT_FOUND */
  async get(id: PostId): Promise<LivePost> {
    const post = await this.#posts.findById(id);
    if (!isLive(post)) throw noSuchPost();
    return post;
  }

  /** @throws NOT_FOUND, PERMISSION_DENIED; INVALID_ARGUMENT where nothing would remain; FAILED_PRECONDITION */
  async update(id: PostId, user: UserId, changes: PostChanges): Promise<LivePost> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const post = await this.#own(id, user);
      if (changes.base_text !== undefined && changes.base_text !== (post.text ?? ""))
        throw changedMeanwhile();
      const { text, image } = changed(post, changes);
      const { $set: owed = {}, ...pushed } =
        post.image && post.image.id !== image?.id ? released(user, post.image.id) : {};
      const updated = await this.#change(post, {
        ...pushed,
        $set: { ...owed, edited_at: Date.now(), ...(text ? { text, terms: termsOf(text) } : {}), image },
        $unset: { ...(text ? {} : { text: true, terms: true }), ...(image ? {} : { image: true }) },
      });
      if (!isLive(updated)) continue;
      await this.#pay(updated);
      return updated;
    }
    throw changedMeanwhile();
  }

  /** @throws NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION */
  async remove(id: PostId, user: UserId): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const post = await this.#own(id, user);
      if (await this.#remove(post, post.image ? released(user, post.image.id) : {})) return;
    }
    throw changedMeanwhile();
  }

  async holds(user: UserId, photo: PhotoId): Promise<boolean> {
    const post = await this.#posts.findOne({ "image.id": photo });
    return post?.author === user;
  }

  /** The photo is gone: so is a post that was nothing else. Can be repeated. @throws UNAVAILABLE; then it is to be */
  async drop(photo: PhotoId): Promise<void> {
    const posts = await this.#posts.find({ "image.id": photo }, { limit: PORTION });
    for (const post of posts.filter(isLive)) {
      const dropped = post.text
        ? (await this.#change(post, { $unset: { image: true } })) !== null
        : await this.#remove(post, {});
      if (!dropped) throw unavailable();
    }
  }

  /** Their images are the photo service's to remove, which is told the same. Can be repeated. */
  async removeAllOf(author: UserId): Promise<void> {
    await this.#posts.deleteMany({ author });
  }

  /** Gives back images, and finishes deletions, that a crash left. @param olderThan milliseconds */
  async sweep(olderThan: number): Promise<void> {
    await sweepDebts(this.#posts, olderThan, this.#publish);
    const until = Date.now() - olderThan;
    let from = 0;
    for (;;) {
      const deleted = await this.#posts.find(
        { deleted_at: { $gte: from, $lte: until } },
        { sort: { deleted_at: 1 }, limit: PORTION },
      );
      for (const post of deleted) await this.#finish(post);
      if (deleted.length < PORTION) return;
      from = deleted.at(-1)?.deleted_at ?? until;
    }
  }

  async #own(id: PostId, user: UserId): Promise<LivePost> {
    const post = await this.get(id);
    if (post.author !== user) throw notYours();
    return post;
  }

  /** @returns null where it was changed meanwhile */
  #change({ _id, revision }: PostDocument, update: Update<PostDocument>): Promise<PostDocument | null> {
    return this.#posts.findOneAndUpdate({ _id, revision }, { ...update, $inc: { revision: 1 } });
  }

  async #remove(post: PostDocument, { $set = {}, ...pushed }: Update<PostDocument>): Promise<boolean> {
    const deleted = await this.#change(post, {
      ...pushed,
      $set: { ...$set, deleted_at: Date.now() },
      $unset: { author: true, text: true, terms: true, image: true, edited_at: true },
    });
    // What fails here the sweep does.
    if (deleted) await this.#finish(deleted).catch(() => {});
    return deleted !== null;
  }

  async #finish(deleted: PostDocument): Promise<void> {
    await payDebts(this.#posts, deleted, this.#publish);
    await this.#posts.deleteOne({ _id: deleted._id, revision: deleted.revision, owed_token: null });
  }

  /** What is still owed the sweep sends. */
  #pay(post: PostDocument): Promise<void> {
    return payDebts(this.#posts, post, this.#publish).catch(() => {});
  }
}

/** @throws INVALID_ARGUMENT where nothing would remain */
function changed(post: PostDocument, changes: PostChanges): Content {
  const text = changes.text === undefined || hasText(changes.text) ? (changes.text ?? post.text) : undefined;
  const image = changes.image === undefined ? post.image : (changes.image ?? undefined);
  if (!text && !image) {
    throw invalidArgument("A post needs a text, an image, or both. Delete it instead.", [
      { path: "text", message: "must not be empty without an image" },
    ]);
  }
  return { text, image };
}

export const notYours = () => permissionDenied("This is not your post.");
export const noSuchPost = () => notFound("There is no such post.");
const changedMeanwhile = () => failedPrecondition("Your post was changed by another request meanwhile.");

const released = (user_id: UserId, photo_id: PhotoId): Update<PostDocument> =>
  owe({ event: "image.released", payload: { photo_id, user_id } });

export const shown = (post: LivePost, urls: PhotoUrls): Post => ({
  id: post._id,
  author_id: post.author,
  text: post.text ?? "",
  image: post.image
    ? {
        photo_id: post.image.id,
        width: post.image.width,
        height: post.image.height,
        url: urls.of(post.image.id, "full"),
        thumb_url: urls.of(post.image.id, "thumb"),
      }
    : null,
  created_at_unix_ms: post.created_at,
  edited_at_unix_ms: post.edited_at ?? null,
});

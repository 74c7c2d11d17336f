/** Posts: texts and images for everybody, searched by words, and the feed of those one follows. */
import { createHash } from "node:crypto";
import type { Context } from "moleculer";
import { call } from "../../lib/contract.ts";
import type { PhotoId, UserId } from "../../lib/ids.ts";
import { PhotoUrls } from "../../lib/photo-urls.ts";
import { type ActionContext, callerOf, implement } from "../../mixins/actions.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume, publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { keepUpload, PhotoDeleted } from "../photo/photo.contract.ts";
import { hiddenFrom } from "../social/social.contract.ts";
import { feedOf, MAX_FOLLOWED } from "./feed.ts";
import { Lists, pageAt, pageOf, type Source } from "./lists.ts";
import { postsContract } from "./posts.contract.ts";
import { type LivePost, type PostImage, postsCollections } from "./posts.store.ts";
import { noSuchPost, notYours, Posts, shown } from "./posts.ts";
import { postsLike } from "./search.ts";

interface PostsService extends WithCollections<typeof postsCollections> {
  posts: Posts;
  lists: Lists;
  urls: PhotoUrls;
}

export default defineService<PostsService>({
  name: "posts",
  version: 1,
  metadata: { needs: ["v1.auth", "v1.social"] },
  mixins: [
    collections(postsCollections),
    sweep<PostsService>({
      name: "images to be released, and deleted posts",
      run() {
        return this.posts.sweep(runtimeOf(this.broker).config.STALE_AFTER_MS);
      },
    }),
  ],

  actions: implement<typeof postsContract, PostsService>(postsContract, {
    async "v1.posts.createPost"(ctx) {
      const { text, upload } = ctx.params;
      const image = upload === undefined ? undefined : await keepImage(ctx, upload);
      return shown(await this.posts.create(callerOf(ctx).id, { text, image }), this.urls);
    },
    async "v1.posts.listPosts"(ctx) {
      const { author, query } = ctx.params;
      const source = postsLike(this.collections.posts, this.lists, { author, query });
      return page(this, ctx, `posts ${digest([author, query])}`, source);
    },
    async "v1.posts.listPostsAt"(ctx) {
      const { author, query, offset, limit, order } = ctx.params;
      const lists = new Lists(this.collections.posts, order);
      const source = postsLike(this.collections.posts, lists, { author, query });
      const hiddenAmong = (authors: UserId[]) => hiddenFrom(ctx, callerOf(ctx).id, authors);
      const posts = await pageAt(source, { offset, limit, hiddenAmong });
      return { posts: posts.map((post) => shown(post, this.urls)) };
    },
    async "v1.posts.getPost"(ctx) {
      const post = await this.posts.get(ctx.params.id);
      await mustSee(ctx, post);
      return shown(post, this.urls);
    },
    async "v1.posts.updatePost"(ctx) {
      const { id, text, base_text, upload, remove_image } = ctx.params;
      // Before the image is decoded.
      await mustOwn(ctx, await this.posts.get(id));
      const image = upload === undefined ? (remove_image ? null : undefined) : await keepImage(ctx, upload);
      return shown(await this.posts.update(id, callerOf(ctx).id, { text, base_text, image }), this.urls);
    },
    async "v1.posts.deletePost"(ctx) {
      const { id } = ctx.params;
      await mustOwn(ctx, await this.posts.get(id));
      await this.posts.remove(id, callerOf(ctx).id);
      return null;
    },
    "v1.posts.feed"(ctx) {
      const source = feedOf(this.collections.posts, this.lists, () => followedBy(ctx));
      return page(this, ctx, "feed", source);
    },
    async "v1.posts.importPosts"(ctx) {
      const { posts } = ctx.params;
      const made = await this.posts.import(posts);
      return { outcomes: posts.map(({ id }) => ({ outcome: made.has(id) ? "made" : "there" })) };
    },
    async "v1.posts.holdsImage"(ctx) {
      return { holds: await this.posts.holds(ctx.params.user_id, ctx.params.photo_id) };
    },
  }),

  channels: consume<PostsService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await this.posts.removeAllOf(user_id);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "posts" });
      },
    },
    "photo.deleted": {
      schema: PhotoDeleted,
      handler({ photo_id }) {
        return this.posts.drop(photo_id);
      },
    },
  }),

  async started() {
    const { posts } = this.collections;
    this.posts = new Posts(posts, (event, payload) => publish(this.broker, event, payload));
    this.lists = new Lists(posts);
    this.urls = new PhotoUrls(runtimeOf(this.broker).config);
  },
});

async function keepImage(ctx: Context, upload: string): Promise<PostImage> {
  const { id, width, height } = await keepUpload(ctx, upload, "post");
  // Just made by the photo service.
  return { id: id as PhotoId, width, height };
}

/** @throws NOT_FOUND as for a post that there is not, to whom its author blocked */
async function mustSee(ctx: ActionContext<unknown>, { author }: LivePost): Promise<void> {
  if ((await hiddenFrom(ctx, callerOf(ctx).id, [author])).has(author)) throw noSuchPost();
}

/** @throws NOT_FOUND as above; PERMISSION_DENIED to all others than the author */
async function mustOwn(ctx: ActionContext<unknown>, post: LivePost): Promise<void> {
  await mustSee(ctx, post);
  if (post.author !== callerOf(ctx).id) throw notYours();
}

interface PageParams {
  limit: number;
  cursor?: string | undefined;
}

async function page(service: PostsService, ctx: ActionContext<PageParams>, list: string, source: Source) {
  const { limit, cursor } = ctx.params;
  const hiddenAmong = (authors: UserId[]) => hiddenFrom(ctx, callerOf(ctx).id, authors);
  const { posts, next_cursor } = await pageOf(list, source, { limit, cursor, hiddenAmong });
  return { posts: posts.map((post) => shown(post, service.urls)), next_cursor };
}

/** A list's name in cursors is short, whatever the query. */
const digest = (wanted: unknown[]): string =>
  createHash("sha256").update(JSON.stringify(wanted)).digest("base64url").slice(0, 16);

async function followedBy(ctx: ActionContext<unknown>): Promise<UserId[]> {
  const { id: user_id } = callerOf(ctx);
  const followed: UserId[] = [];
  let cursor: string | undefined;
  do {
    const asked = { user_id, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) };
    const { user_ids, next_cursor } = await call(ctx, "v1.social.listFollowedIds", asked);
    // As social made them.
    followed.push(...(user_ids as UserId[]));
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined && followed.length < MAX_FOLLOWED);
  return followed;
}

/** Posts, in ego. Their ids are texts. */
import { z } from "zod";
import type { ParamsOf, ResultOf } from "../../../../lib/contract.ts";
import { offsetParams } from "../../../../lib/cursors.ts";
import { PostIdSchema } from "../../../../lib/ids.ts";
import { MAX_POSTS_AT, MAX_TEXT } from "../../../posts/posts.contract.ts";
import { type Ask, route } from "../dialect.ts";
import { numberOf, Time, timeOf, UserNumber } from "../values.ts";

const Text = z.string().min(1).max(MAX_TEXT);

const Post = z
  .object({ post_id: z.string(), creator_id: z.int(), text_content: z.string(), created_at: Time })
  .meta({ id: "EgoPost" });

const Page = z.object({ posts: z.array(Post), offset: z.int(), limit: z.int() });

const postOf = ({ id, author_id, text, created_at_unix_ms }: ResultOf<"v1.posts.getPost">) => ({
  post_id: id,
  creator_id: numberOf(author_id),
  text_content: text,
  created_at: timeOf(created_at_unix_ms),
});

/** In portions, since a hundred long posts are more than NATS carries at once. */
async function postsAt(
  ask: Ask,
  wanted: Pick<ParamsOf<"v1.posts.listPostsAt">, "author" | "query">,
  { offset, limit, order }: { offset: number; limit: number; order: "asc" | "desc" },
) {
  const found: z.output<typeof Post>[] = [];
  for (let passed = 0; passed < limit; passed += MAX_POSTS_AT) {
    const portion = { offset: offset + passed, limit: Math.min(limit - passed, MAX_POSTS_AT), order };
    const { posts } = await ask("v1.posts.listPostsAt", { ...wanted, ...portion });
    found.push(...posts.map(postOf));
    if (posts.length === 0) break;
  }
  return found;
}

export const egoPostRoutes = [
  route({
    method: "POST",
    path: "/posts/create_post",
    summary: "Write a post",
    takes: z.object({ text_content: Text }),
    answers: Post,
    status: 201,
    problems: ["NOT_FOUND"],
    example: { text_content: "My test text post!" },
    serve: async ({ input: { text_content: text }, ask }) =>
      postOf(await ask("v1.posts.createPost", { text })),
  }),
  route({
    method: "PATCH",
    path: "/posts/update_post",
    summary: "Change a post of one's own",
    takes: z.object({ post_id: PostIdSchema, text_content: Text }),
    answers: Post,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    serve: async ({ input: { post_id: id, text_content: text }, ask }) =>
      postOf(await ask("v1.posts.updatePost", { id, text })),
  }),
  route({
    method: "DELETE",
    path: "/posts/delete_post",
    summary: "Delete a post of one's own",
    takes: z.object({ post_id: PostIdSchema }),
    answers: z.object({ post_id: z.string() }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ input: { post_id: id }, ask }) {
      await ask("v1.posts.deletePost", { id });
      return { post_id: id };
    },
  }),
  route({
    method: "GET",
    path: "/posts/user_posts",
    summary: "List the posts of a user",
    takes: z.object({ creator_id: UserNumber, ...offsetParams }),
    answers: Page,
    async serve({ input: { creator_id: author, ...page }, ask }) {
      return { posts: await postsAt(ask, { author }, page), offset: page.offset, limit: page.limit };
    },
  }),
  route({
    method: "GET",
    path: "/posts/full_text_search",
    summary: "Search posts: all of the words must be in one",
    takes: z.object({ query_string: z.string().trim().min(1).max(200), ...offsetParams }),
    answers: Page,
    async serve({ input: { query_string: query, ...page }, ask }) {
      return { posts: await postsAt(ask, { query }, page), offset: page.offset, limit: page.limit };
    },
  }),
  route({
    method: "GET",
    path: "/posts/get_post",
    summary: "Get a post",
    takes: z.object({ post_id: PostIdSchema }),
    answers: Post,
    problems: ["NOT_FOUND"],
    serve: async ({ input: { post_id: id }, ask }) => postOf(await ask("v1.posts.getPost", { id })),
  }),
];

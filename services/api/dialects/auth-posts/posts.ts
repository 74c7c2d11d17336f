/** The posts of auth-posts: a title, a content and an image. Here they are one text, the title its first paragraph. */
import { z } from "zod";
import type { ResultOf } from "../../../../lib/contract.ts";
import { MAX_TEXT } from "../../../posts/posts.contract.ts";
import { route } from "../dialect.ts";
import { numberOf, PostNumber, Time, timeOf, unpaged } from "../values.ts";

const BETWEEN = "\n\n";

const Fields = {
  title: z.string().max(MAX_TEXT).optional(),
  content: z.string().max(MAX_TEXT).optional(),
  text: z.string().max(MAX_TEXT).optional().describe("instead of title and content"),
};

const Post = z
  .object({
    id: z.int(),
    userId: z.int(),
    text: z.string(),
    title: z.string().describe("the first paragraph, where there are several"),
    content: z.string(),
    image: z.string().nullable().describe("a URL that shows the bytes, for a while"),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: "AuthPostsPost" });

type Given = { title?: string | undefined; content?: string | undefined; text?: string | undefined };

const textOf = ({ title, content, text }: Given): string | undefined =>
  text ?? ([title, content].filter((part) => part !== undefined && part !== "").join(BETWEEN) || undefined);

function postOf(post: ResultOf<"v1.posts.getPost">) {
  const { id, author_id, text, image, created_at_unix_ms, edited_at_unix_ms } = post;
  const at = text.indexOf(BETWEEN);
  return {
    id: numberOf(id),
    userId: numberOf(author_id),
    text,
    title: at < 0 ? "" : text.slice(0, at),
    content: at < 0 ? text : text.slice(at + BETWEEN.length),
    image: image?.url ?? null,
    createdAt: timeOf(created_at_unix_ms),
    updatedAt: timeOf(edited_at_unix_ms ?? created_at_unix_ms),
  };
}

const image = { field: "image", optional: true };

export const authPostsPostRoutes = [
  route({
    method: "POST",
    path: "/posts",
    summary: "Write a post, with an image",
    takes: z.object(Fields),
    file: image,
    answers: Post,
    status: 201,
    problems: ["NOT_FOUND"],
    serve: async ({ input, upload, ask }) =>
      postOf(await ask("v1.posts.createPost", { text: textOf(input), upload })),
  }),
  route({
    method: "GET",
    path: "/posts",
    summary: "List posts, newest first, 1,000 and 1 MB at most",
    takes: z.object({}),
    unpaged: true,
    answers: z.array(Post),
    serve: ({ ask }) =>
      unpaged(async (wanted) => {
        const { posts, next_cursor } = await ask("v1.posts.listPosts", wanted);
        return { items: posts.map(postOf), next_cursor };
      }),
  }),
  route({
    method: "PUT",
    path: "/posts/{id}",
    summary: "Change a post of one's own; without an image it keeps the one it has",
    takes: z.object({ id: PostNumber, ...Fields }),
    file: image,
    answers: Post,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    serve: async ({ input: { id, ...given }, upload, ask }) =>
      postOf(await ask("v1.posts.updatePost", { id, text: textOf(given), upload })),
  }),
  route({
    method: "DELETE",
    path: "/posts/{id}",
    summary: "Delete a post of one's own",
    takes: z.object({ id: PostNumber }),
    answers: z.object({ id: z.int() }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ input: { id }, ask }) {
      await ask("v1.posts.deletePost", { id });
      return { id: numberOf(id) };
    },
  }),
];

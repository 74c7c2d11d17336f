/** The posts of auth-posts: a title, a content and an image. Here title and content are one text, with a mark between them. */
import { z } from "zod";
import type { ResultOf } from "../../../../lib/contract.ts";
import { hasCode } from "../../../../lib/errors.ts";
import { MAX_TEXT } from "../../../posts/posts.contract.ts";
import { type Ask, route } from "../dialect.ts";
import { numberOf, PostNumber, Time, timeOf, unpaged } from "../values.ts";

/** Unicode's invisible separator: no text has it by chance, and elsewhere its line looks like an empty one. */
const MARK = "\u2063";
const BETWEEN = `\n${MARK}\n`;

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
    title: z.string().describe("empty where none was given"),
    content: z.string(),
    image: z.string().nullable().describe("a URL that shows the bytes, for a while"),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: "AuthPostsPost" });

type Given = { title?: string | undefined; content?: string | undefined; text?: string | undefined };

const isBlank = (text: string): boolean => text.trim() === "";

/** @returns empty where nothing is said */
function joined(title: string, content: string): string {
  if (isBlank(title) && isBlank(content)) return "";
  // So that a content that has such a line itself is not taken for two.
  if (title === "" && !content.includes(BETWEEN)) return content;
  return title.replaceAll(MARK, "") + BETWEEN + content;
}

function partsOf(text: string): { title: string; content: string } {
  const at = text.indexOf(BETWEEN);
  return at < 0
    ? { title: "", content: text }
    : { title: text.slice(0, at), content: text.slice(at + BETWEEN.length) };
}

/** How often a part is put beside another that is being changed at the same time. */
const ATTEMPTS = 5;

/** A part of the text that is not given stays as it is. */
async function change(ask: Ask, id: string, given: Given, upload: string | undefined) {
  const { title, content, text } = given;
  if (text !== undefined || (title === undefined) === (content === undefined)) {
    const whole = text ?? (title === undefined ? undefined : joined(title, content ?? ""));
    return ask("v1.posts.updatePost", { id, text: whole, upload });
  }
  for (let attempt = 1; ; attempt += 1) {
    const { text: base_text } = await ask("v1.posts.getPost", { id });
    const kept = partsOf(base_text);
    const changed = joined(title ?? kept.title, content ?? kept.content);
    try {
      return await ask("v1.posts.updatePost", { id, text: changed, base_text, upload });
    } catch (error) {
      // An image was taken by the first attempt.
      if (!hasCode(error, "FAILED_PRECONDITION") || upload || attempt === ATTEMPTS) throw error;
    }
  }
}

function postOf(post: ResultOf<"v1.posts.getPost">) {
  const { id, author_id, text, image, created_at_unix_ms, edited_at_unix_ms } = post;
  return {
    id: numberOf(id),
    userId: numberOf(author_id),
    text,
    ...partsOf(text),
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
    async serve({ input: { title = "", content = "", text = joined(title, content) }, upload, ask }) {
      return postOf(await ask("v1.posts.createPost", { text, upload }));
    },
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
    summary: "Change a post of one's own; what is not given, title, content or image, stays",
    takes: z.object({ id: PostNumber, ...Fields }),
    file: image,
    answers: Post,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    serve: async ({ input: { id, ...given }, upload, ask }) => postOf(await change(ask, id, given, upload)),
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

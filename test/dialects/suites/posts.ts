// The posts of ego and of auth-posts; the numbers are lines of their documents.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type SignedUp, signUp, uniqueName } from "../../support/http.ts";
import { jpeg, noise } from "../../support/images.ts";
import { clientOf, imageForm, type Target } from "./target.ts";

const as = ({ accessToken }: SignedUp) => ({ authorization: `Bearer ${accessToken}` });

export function postsSuite(target: Target): void {
  let ann: SignedUp;
  let bob: SignedUp;

  beforeAll(async () => {
    [ann, bob] = [await signUp(target.baseUrl()), await signUp(target.baseUrl())];
  });

  describe("ego", () => {
    const say = clientOf(target, "ego");
    const refused = { message: expect.any(String), data: null };
    const create = (text_content: string, user = ann) =>
      say("POST", "/posts/create_post", { ...as(user), body: { text_content } });

    test("ego 100: POST posts/create_post", async () => {
      const { status, body } = await say("POST", "/posts/create_post", {
        ...as(ann),
        headers: { accept: "application/json", "content-type": "application/json" },
        body: `{
  "text_content": "My test text post!"
}`,
      });
      expect({ status, body }).toEqual({
        status: 201,
        body: {
          ...{
            post_id: expect.any(String),
            creator_id: Number(ann.userId),
            text_content: "My test text post!",
          },
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      });
      expect((await say("POST", "/posts/create_post", { body: { text_content: "x" } })).status).toBe(401);
      for (const text of ["", 5, "a".repeat(5_001)]) {
        const answer = await say("POST", "/posts/create_post", { ...as(ann), body: { text_content: text } });
        expect(answer).toMatchObject({ status: 422, body: { detail: [{ loc: ["body", "text_content"] }] } });
      }
      expect(await create("   ")).toMatchObject({ status: 400, body: refused });
    });

    test("ego 17: updated and deleted by its author alone, found by its id", async () => {
      const { post_id } = (await create("before")).body;
      const update = (user: SignedUp) =>
        say("PATCH", "/posts/update_post", { ...as(user), body: { post_id, text_content: "after" } });
      const remove = (user: SignedUp) =>
        say("DELETE", "/posts/delete_post", { ...as(user), body: { post_id } });
      const get = (id: string) => say("GET", `/posts/get_post?post_id=${id}`, as(bob));
      expect(await update(bob)).toMatchObject({ status: 403, body: refused });
      expect(await update(ann)).toMatchObject({ status: 200, body: { post_id, text_content: "after" } });
      expect(await get(post_id)).toMatchObject({ status: 200, body: { text_content: "after" } });
      expect(await remove(bob)).toMatchObject({ status: 403, body: refused });
      expect(await remove(ann)).toMatchObject({ status: 200, body: { post_id } });
      expect(await get(post_id)).toMatchObject({ status: 404, body: refused });
      expect(await remove(ann)).toMatchObject({ status: 404, body: refused });
      expect((await get("x")).status).toBe(422);
    });

    test("ego 17: a page of the longest posts is whole", async () => {
      const author = await signUp(target.baseUrl());
      const numbered = (at: number) => String(at).padStart(2, "0");
      for (let at = 0; at < 72; at += 1) await create(`${"\u4e16".repeat(4_990)} ${numbered(at)}`, author);
      const path = `/posts/user_posts?creator_id=${Number(author.userId)}&order=asc&offset=1&limit=70`;
      const { status, body } = await say("GET", path, as(bob));
      expect(status).toBe(200);
      expect(body.posts.map((post: { text_content: string }) => post.text_content.slice(-2))).toEqual(
        Array.from({ length: 70 }, (_, i) => numbered(i + 1)),
      );
    });

    test("ego 17: lists and searches page by offset, in either order", async () => {
      const author = await signUp(target.baseUrl());
      const word = uniqueName("word");
      for (const at of [1, 2, 3, 4]) await create(`${word} number${at}`, author);
      const texts = async (query: string) => {
        const { status, body } = await say("GET", `/posts/${query}`, as(bob));
        expect(status).toBe(200);
        return {
          ...body,
          posts: body.posts.map((post: { text_content: string }) => Number(post.text_content.slice(-1))),
        };
      };
      const byUser = `user_posts?creator_id=${Number(author.userId)}`;
      const bySearch = `full_text_search?query_string=${word}`;
      const bySeveral = `full_text_search?query_string=${word}%20number`;
      for (const list of [byUser, bySearch, bySeveral]) {
        expect(await texts(list)).toEqual({ posts: [4, 3, 2, 1], offset: 0, limit: 20 });
        expect(await texts(`${list}&order=asc`)).toEqual({ posts: [1, 2, 3, 4], offset: 0, limit: 20 });
        expect(await texts(`${list}&offset=1&limit=2`)).toEqual({ posts: [3, 2], offset: 1, limit: 2 });
        expect(await texts(`${list}&order=asc&offset=2&limit=5`)).toEqual({
          posts: [3, 4],
          offset: 2,
          limit: 5,
        });
        expect(await texts(`${list}&offset=10000`)).toEqual({ posts: [], offset: 10_000, limit: 20 });
        const beyond = await say("GET", `/posts/${list}&offset=10001`, as(bob));
        expect(beyond).toMatchObject({
          status: 422,
          body: { detail: [{ loc: ["query", "offset"], msg: expect.stringContaining("10000") }] },
        });
      }
      expect(await texts(`full_text_search?query_string=${word}%20number3`)).toMatchObject({ posts: [3] });
      expect((await say("GET", "/posts/full_text_search?query_string=", as(bob))).status).toBe(422);
      expect((await say("GET", "/posts/user_posts", as(bob))).status).toBe(422);
    });
  });

  describe("auth-posts", () => {
    const say = clientOf(target, "auth-posts");
    const refused = { error: expect.any(String) };
    const bytesOf = async (url: string) => {
      const answer = await fetch(new URL(url, target.baseUrl()));
      await answer.arrayBuffer();
      return [answer.status, answer.headers.get("content-type")];
    };

    test("auth-posts 94: POST /posts, with fields and an image", async () => {
      const fields = { title: "A title", content: "What it says.", userId: "1" };
      const { status, body } = await say("POST", "/posts", {
        ...as(ann),
        body: imageForm("image", await jpeg(), "image/jpeg", fields),
      });
      expect({ status, body }).toMatchObject({
        status: 201,
        // The author is who is signed in, whatever the form says.
        body: {
          id: expect.any(Number),
          userId: Number(ann.userId),
          title: "A title",
          content: "What it says.",
        },
      });
      expect(await bytesOf(body.image)).toEqual([200, "image/jpeg"]);
      const list = await say("GET", "/posts", as(bob));
      expect(list.body[0]).toMatchObject({ id: body.id, image: expect.any(String) });
    });

    test("auth-posts 97: what is no image is refused, and so is nothing at all", async () => {
      const form = imageForm("image", Buffer.from("this is not a photo"), "image/jpeg", { text: "x" });
      expect(await say("POST", "/posts", { ...as(ann), body: form })).toMatchObject({
        status: 400,
        body: refused,
      });
      expect(await say("POST", "/posts", { ...as(ann), body: {} })).toMatchObject({
        status: 400,
        body: refused,
      });
      expect((await say("POST", "/posts", { body: { text: "x" } })).status).toBe(401);
    });

    test("auth-posts 100: GET /posts lists all, newest first", async () => {
      const made: number[] = [];
      for (const text of ["one", "two"])
        made.push((await say("POST", "/posts", { ...as(ann), body: { text } })).body.id);
      const { status, body } = await say("GET", "/posts", as(bob));
      expect(status).toBe(200);
      expect(body.slice(0, 2).map(({ id }: { id: number }) => id)).toEqual(made.toReversed());
      expect((await say("GET", "/posts")).status).toBe(401);
    });

    test("auth-posts 108: PUT /posts/:id, by its author; the image stays or is another", async () => {
      const form = imageForm("image", await jpeg(), "image/jpeg", { text: "before" });
      const { id, image } = (await say("POST", "/posts", { ...as(ann), body: form })).body;
      const put = (user: SignedUp, body: FormData | object) =>
        say("PUT", `/posts/${id}`, { ...as(user), body });
      expect(await put(bob, { text: "not mine" })).toMatchObject({ status: 403, body: refused });
      const kept = await put(ann, { text: "after" });
      expect(kept).toMatchObject({ status: 200, body: { id, text: "after" } });
      expect(new URL(kept.body.image, "http://x").pathname).toBe(new URL(image, "http://x").pathname);
      const png = await noise(12, 12).png().toBuffer();
      const replaced = await put(ann, imageForm("image", png, "image/png"));
      expect(replaced).toMatchObject({ status: 200, body: { text: "after" } });
      expect(await bytesOf(replaced.body.image)).toEqual([200, "image/png"]);
      expect(await say("PUT", "/posts/x", { ...as(ann), body: { text: "x" } })).toMatchObject({
        status: 400,
      });
      expect(await say("PUT", "/posts/2", { ...as(ann), body: { text: "x" } })).toMatchObject({
        status: 404,
      });
    });

    test("auth-posts 108: PUT /posts/:id with title or content alone keeps the other", async () => {
      const { id } = (await say("POST", "/posts", { ...as(ann), body: { title: "Old", content: "a\n\nb" } }))
        .body;
      const put = async (body: object) => {
        const { title, content } = (await say("PUT", `/posts/${id}`, { ...as(ann), body })).body;
        return [title, content];
      };
      expect(await put({ title: "New" })).toEqual(["New", "a\n\nb"]);
      expect(await put({ content: "c\n\nd" })).toEqual(["New", "c\n\nd"]);
      expect(await put({ title: "" })).toEqual(["", "c\n\nd"]);
      expect(await put({ title: "Back", content: "e" })).toEqual(["Back", "e"]);
      expect(await put({ content: "" })).toEqual(["Back", ""]);
      expect(await put({ text: "all\n\nof it" })).toEqual(["", "all\n\nof it"]);
    });

    test("auth-posts 108: title and content that are changed at the same moment are both changed", async () => {
      const { id } = (await say("POST", "/posts", { ...as(ann), body: { title: "Old", content: "old" } }))
        .body;
      for (let round = 0; round < 20; round += 1) {
        const put = (body: object) => say("PUT", `/posts/${id}`, { ...as(ann), body });
        const done = await Promise.all([put({ title: `T${round}` }), put({ content: `c${round}` })]);
        expect(done.map(({ status }) => status)).toEqual([200, 200]);
        const found = await say("GET", "/posts", as(ann));
        const post = found.body.find((each: { id: number }) => each.id === id);
        expect(post).toMatchObject({ title: `T${round}`, content: `c${round}` });
      }
    });

    test.each([
      ["A title", ""],
      ["", "Two\n\nparagraphs"],
      ["Several\n\nparagraphs", "\n\nand more\n"],
      ["", "a line\n\u2063\nlike the mark"],
    ])("auth-posts 94: title %j and content %j come back as they were", async (title, content) => {
      for (const body of [
        { title, content },
        { ...(title && { title }), ...(content && { content }) },
      ]) {
        const made = await say("POST", "/posts", { ...as(ann), body });
        expect(made).toMatchObject({ status: 201, body: { title, content } });
      }
    });

    test("auth-posts 97: a title and a content of nothing but space are nothing", async () => {
      const body = { title: " ", content: "\n" };
      expect((await say("POST", "/posts", { ...as(ann), body })).status).toBe(400);
    });

    test("auth-posts 104: DELETE /posts/:id, by its author", async () => {
      const { id } = (await say("POST", "/posts", { ...as(ann), body: { text: "to go" } })).body;
      const remove = (user: SignedUp) => say("DELETE", `/posts/${id}`, as(user));
      expect(await remove(bob)).toMatchObject({ status: 403, body: refused });
      expect(await remove(ann)).toMatchObject({ status: 200, body: { id } });
      expect(await remove(ann)).toMatchObject({ status: 404, body: refused });
      expect((await say("DELETE", "/posts/x", as(ann))).status).toBe(400);
    });
  });
}

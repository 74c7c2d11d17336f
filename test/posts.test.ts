// Posts by their public door: who writes, changes, finds and sees them, and what becomes of their images.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { clientOf, type SignedUp, signUp } from "./support/http.ts";
import { jpeg, upload } from "./support/images.ts";

interface Post {
  id: string;
  author_id: string;
  text: string;
  image: { photo_id: string; width: number; height: number; url: string; thumb_url: string } | null;
  created_at_unix_ms: number;
  edited_at_unix_ms: number | null;
}
interface Page {
  posts: Post[];
  next_cursor: string | null;
}
type Refused = Partial<{ code: string; errors: { path: string }[] }>;

let veche: Embedded;
let ann: SignedUp;
let bob: SignedUp;
let image: Buffer;
const api = clientOf(() => veche.baseUrl);
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: "1000" });
  [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  image = await jpeg();
});
afterAll(() => veche.stop());

const write = async (user: SignedUp, text: string): Promise<Post> =>
  (await api<Post>("POST", "/v1/posts", user, { text })).body;
/** By a form, with an image. */
const send = (
  user: SignedUp,
  path: string,
  method: string,
  fields: Record<string, string> = {},
  file = image,
) => upload<Post & Refused>(veche.baseUrl, user, file, { path, method, fields });
const show = async (user: SignedUp, fields: Record<string, string> = {}) =>
  (await send(user, "/v1/posts", "POST", fields)).body;
const list = async (user: SignedUp, path: string): Promise<string[]> =>
  (await api<Page>("GET", path, user)).body.posts.map(({ id }) => id);
const search = (user: SignedUp, query: string, more = "") =>
  list(user, `/v1/posts?query=${encodeURIComponent(query)}${more}`);
const statusOf = async (url: string) => (await fetch(`${veche.baseUrl}${url}`)).status;
const goes = (post: Post) => eventually(async () => (await statusOf(post.image?.url ?? "")) === 404);

describe("a post", () => {
  test("has a text", async () => {
    const before = Date.now();
    const { status, body, headers } = await api<Post>("POST", "/v1/posts", ann, {
      text: " The veche\nmeets. ",
    });
    expect([status, headers.get("location")]).toEqual([201, `/v1/posts/${body.id}`]);
    expect(body).toMatchObject({
      ...{ author_id: ann.userId, text: " The veche\nmeets. ", image: null, edited_at_unix_ms: null },
    });
    expect(Math.abs(body.created_at_unix_ms - before)).toBeLessThan(5_000);
    expect((await api("GET", `/v1/posts/${body.id}`, bob)).body).toEqual(body);
  });

  test("or an image, or both", async () => {
    const both = await show(ann, { text: "Look!" });
    const alone = await show(ann, { text: "" });
    expect([both.text, alone.text]).toEqual(["Look!", ""]);
    for (const post of [both, alone]) {
      expect(post.image).toMatchObject({ width: 64, height: 48 });
      expect([await statusOf(post.image?.url ?? ""), await statusOf(post.image?.thumb_url ?? "")]).toEqual([
        200, 200,
      ]);
    }
    // It belongs to the post, and not to the gallery.
    expect((await api<{ photos: [] }>("GET", "/v1/me/photos", ann)).body.photos).toEqual([]);
  });

  test("may be a form without an image", async () => {
    const form = new FormData();
    form.append("text", "By a form.");
    const headers = { authorization: `Bearer ${ann.accessToken}` };
    const answer = await fetch(`${veche.baseUrl}/v1/posts`, { method: "POST", headers, body: form });
    expect([answer.status, await answer.json()]).toMatchObject([201, { text: "By a form.", image: null }]);
  });

  test.each<[string, unknown, string]>([
    ["without anything", {}, "text"],
    ["of nothing but space", { text: " \n\t" }, "text"],
    ["that is too long", { text: "a".repeat(5_001) }, "text"],
    ["with half a character", { text: "\ud800" }, "text"],
    ["of another type", { text: 1 }, "text"],
    ["with an upload of somebody's", { text: "a", upload: "x" }, "upload"],
  ])("%s is refused", async (_what, body, path) => {
    const { status, body: answer } = await api<Refused>("POST", "/v1/posts", ann, body);
    expect([status, answer.errors?.map((each) => each.path)]).toEqual([400, [path]]);
  });

  test("with what is no image is refused, and so is one with a text too long, and nothing is kept", async () => {
    const before = await list(ann, `/v1/posts?author=${ann.userId}`);
    for (const [fields, file] of [
      [{ text: "Look!" }, Buffer.from("<svg/>")],
      [{ text: "a".repeat(5_001) }, image],
    ] as const) {
      const { status } = await send(ann, "/v1/posts", "POST", fields, file);
      expect(status).toBe(400);
    }
    expect(await list(ann, `/v1/posts?author=${ann.userId}`)).toEqual(before);
  });

  test("of 5,000 characters is taken", async () => {
    expect((await write(ann, "я".repeat(5_000))).text).toHaveLength(5_000);
  });
});

describe("a change", () => {
  const change = (post: Post, body: object, user = ann) =>
    api<Post & Refused>("PUT", `/v1/posts/${post.id}`, user, body);

  test("of the text keeps the image, and the other way round", async () => {
    const post = await show(ann, { text: "Loook!" });
    const { body: corrected } = await change(post, { text: "Look!" });
    expect(corrected).toMatchObject({ text: "Look!", image: post.image });
    expect(corrected.edited_at_unix_ms).toBeGreaterThanOrEqual(post.created_at_unix_ms);
    const { body: replaced } = await send(ann, `/v1/posts/${post.id}`, "PUT");
    expect(replaced.text).toBe("Look!");
    expect(replaced.image?.photo_id).not.toBe(post.image?.photo_id);
    expect(await statusOf(replaced.image?.url ?? "")).toBe(200);
    // The one before goes.
    await goes(post);
    expect((await api("GET", `/v1/posts/${post.id}`, bob)).body).toEqual(replaced);
  });

  test("takes the image away, or the text, but not both", async () => {
    const post = await show(ann, { text: "Look!" });
    const { body: alone } = await change(post, { text: "" });
    expect(alone).toMatchObject({ text: "", image: post.image });
    expect(await change(post, { remove_image: true })).toMatchObject({
      status: 400,
      body: { errors: [{ path: "text" }] },
    });
    expect((await change(post, { remove_image: true, text: "Gone." })).body).toMatchObject({
      ...{ text: "Gone.", image: null },
    });
    await goes(post);
    expect((await change(post, { text: " " })).status).toBe(400);
  });

  test("that says nothing, or two things at once, is refused", async () => {
    const post = await write(ann, "veche");
    expect((await change(post, {})).status).toBe(400);
    expect((await change(post, { remove_image: false })).status).toBe(400);
    expect((await send(ann, `/v1/posts/${post.id}`, "PUT", { remove_image: "true" })).status).toBe(400);
    expect((await api("GET", `/v1/posts/${post.id}`, ann)).body).toEqual(post);
  });

  test("or a deletion is its author's only", async () => {
    const post = await show(ann, { text: "Mine." });
    expect((await change(post, { text: "Not mine." }, bob)).status).toBe(403);
    expect((await send(bob, `/v1/posts/${post.id}`, "PUT")).status).toBe(403);
    expect((await api("DELETE", `/v1/posts/${post.id}`, bob)).status).toBe(403);
    expect((await api("GET", `/v1/posts/${post.id}`, ann)).body).toEqual(post);
    expect((await change({ ...post, id: "0000000000000042" }, { text: "a" })).status).toBe(404);
  });

  test("a deletion takes the post out of everything, and its image along", async () => {
    await api("POST", `/v1/follows/${ann.userId}`, bob);
    const post = await show(ann, { text: "Ephemeral words." });
    const everywhere = () =>
      Promise.all([
        list(bob, "/v1/posts"),
        list(bob, `/v1/posts?author=${ann.userId}`),
        list(bob, "/v1/feed"),
        search(bob, "ephemeral"),
      ]);
    expect((await everywhere()).map((ids) => ids[0])).toEqual(Array(4).fill(post.id));
    expect((await api("DELETE", `/v1/posts/${post.id}`, ann)).status).toBe(204);
    expect((await everywhere()).flat()).not.toContain(post.id);
    expect((await api("GET", `/v1/posts/${post.id}`, ann)).status).toBe(404);
    expect((await api("DELETE", `/v1/posts/${post.id}`, ann)).status).toBe(404);
    await goes(post);
    await api("DELETE", `/v1/follows/${ann.userId}`, bob);
  });

  test("a photo that its owner deletes is no more in the post; a post of nothing else goes", async () => {
    const [both, alone] = [await show(ann, { text: "Look!" }), await show(ann)];
    for (const { image: shown } of [both, alone]) {
      expect((await api("DELETE", `/v1/me/photos/${shown?.photo_id}`, ann)).status).toBe(204);
    }
    await eventually(async () => (await api("GET", `/v1/posts/${alone.id}`, ann)).status === 404);
    await eventually(async () => (await api<Post>("GET", `/v1/posts/${both.id}`, ann)).body.image === null);
    expect((await api<Post>("GET", `/v1/posts/${both.id}`, ann)).body).toEqual({ ...both, image: null });
  });
});

describe("lists", () => {
  let eve: SignedUp;
  let posts: string[];
  beforeAll(async () => {
    eve = await signUp(veche.baseUrl);
    posts = [];
    for (const text of ["Первая прогулка", "a second walk", "Прогулки and walks", "walking dogs", "рынок"]) {
      posts.unshift((await write(eve, text)).id);
    }
  });

  test("of an author are newest first, page by page", async () => {
    const read: string[] = [];
    let cursor = "";
    do {
      const path = `/v1/posts?author=${eve.userId}&limit=2${cursor}`;
      const { body } = await api<Page>("GET", path, bob);
      read.push(...body.posts.map(({ id }) => id));
      cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
    } while (cursor !== "");
    expect(read).toEqual(posts);
    expect(await list(bob, `/v1/posts?author=${eve.userId.replace(/^0+/, "")}`)).toEqual(posts);
    expect((await list(bob, "/v1/posts")).slice(0, 5)).toEqual(posts);
    expect(await list(bob, "/v1/posts?author=42")).toEqual([]);
  });

  test("a search finds all the words in any form, of the last one how it begins, also of one author", async () => {
    const [market, dogs, both, second, first] = posts;
    expect(await search(bob, "прогулка")).toEqual([both, first]);
    expect(await search(bob, "walk")).toEqual([dogs, both, second]);
    expect(await search(bob, "walks прог")).toEqual([both]);
    expect(await search(bob, "прог walks")).toEqual([]);
    expect(await search(bob, "ры", `&author=${eve.userId}`)).toEqual([market]);
    expect(await search(bob, "ры", `&author=${bob.userId}`)).toEqual([]);
    expect(await search(bob, "!?")).toEqual([]);
    const paged = `/v1/posts?limit=1&query=${encodeURIComponent("walks прог")}`;
    expect((await api<Page>("GET", paged, bob)).body.next_cursor).toBeNull();
  });

  test("a change is found by its new words, and by the old no more", async () => {
    const post = await write(eve, "sparrows");
    await api("PUT", `/v1/posts/${post.id}`, eve, { text: "Nightingales" });
    expect([await search(bob, "sparrow"), await search(bob, "nightingale")]).toEqual([[], [post.id]]);
    await api("DELETE", `/v1/posts/${post.id}`, eve);
  });

  test("a search of too many words, or with a cursor of another one, is refused", async () => {
    const many = Array.from({ length: 21 }, (_, i) => `w${i}`).join("+");
    expect(await api("GET", `/v1/posts?query=${many}`, bob)).toMatchObject({
      ...{ status: 400, body: { errors: [{ path: "query" }] } },
    });
    const { body } = await api<Page>("GET", "/v1/posts?query=walk&limit=1", bob);
    expect((await api("GET", `/v1/posts?query=walks&cursor=${body.next_cursor}`, bob)).status).toBe(400);
    expect((await api("GET", `/v1/feed?cursor=${body.next_cursor}`, bob)).status).toBe(400);
  });

  test("the feed has posts of those one follows, at once when that changes, and none of one's own", async () => {
    const reader = await signUp(veche.baseUrl);
    await write(reader, "my own");
    const feed = () => list(reader, "/v1/feed");
    expect(await feed()).toEqual([]);
    await api("POST", `/v1/follows/${eve.userId}`, reader);
    expect(await feed()).toEqual(posts);
    const writer = await signUp(veche.baseUrl);
    const other = await write(writer, "of another");
    await api("POST", `/v1/follows/${writer.userId}`, reader);
    expect(await feed()).toEqual([other.id, ...posts]);
    const { body: first } = await api<Page>("GET", "/v1/feed?limit=2", reader);
    // What is new meanwhile moves no page.
    await write(writer, "newer");
    const { body: rest } = await api<Page>("GET", `/v1/feed?cursor=${first.next_cursor}`, reader);
    expect([...first.posts, ...rest.posts].map(({ id }) => id)).toEqual([other.id, ...posts]);
    await api("DELETE", `/v1/follows/${eve.userId}`, reader);
    expect(await feed()).toHaveLength(2);
    await api("POST", `/v1/blocks/${reader.userId}`, writer);
    expect(await feed()).toEqual([]);
  });
});

describe("a block", () => {
  test("hides the posts of who blocked, wherever one looks, and tells nothing", async () => {
    const [blocker, blocked] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
    const [hers, his] = [await write(blocker, "hers uniquely"), await write(blocked, "his uniquely")];
    await api("POST", `/v1/blocks/${blocked.userId}`, blocker);
    expect(await list(blocked, `/v1/posts?author=${blocker.userId}`)).toEqual([]);
    expect(await search(blocked, "uniquely")).toEqual([his.id]);
    expect(await list(blocked, "/v1/posts")).not.toContain(hers.id);
    const missing = (await api("GET", "/v1/posts/42", blocked)).body;
    for (const [method, body] of [["GET"], ["PUT", { text: "a" }], ["DELETE"]] as const) {
      const { status, body: answer } = await api(method, `/v1/posts/${hers.id}`, blocked, body);
      expect([status, answer.detail]).toEqual([404, missing.detail]);
    }
    // Who blocks still sees the other's.
    expect(await search(blocker, "uniquely")).toEqual([his.id, hers.id]);
    await api("DELETE", `/v1/blocks/${blocked.userId}`, blocker);
    expect(await search(blocked, "uniquely")).toEqual([his.id, hers.id]);
  });

  test("may be there, while nobody can tell: then nothing of others is shown", async () => {
    const alone = await startEmbedded();
    try {
      const get = clientOf(() => alone.baseUrl);
      const [one, two] = [await signUp(alone.baseUrl), await signUp(alone.baseUrl)];
      const { body: post } = await get<Post>("POST", "/v1/posts", one, { text: "veche" });
      const social = alone.broker.getLocalService({ name: "social", version: 1 });
      await alone.broker.destroyService(social);
      for (const path of [`/v1/posts/${post.id}`, "/v1/posts", "/v1/posts?query=veche", "/v1/feed"]) {
        expect([path, (await get("GET", path, two)).status]).toEqual([path, 503]);
      }
      expect((await get("GET", `/v1/posts/${post.id}`, one)).status).toBe(200);
    } finally {
      await alone.stop();
    }
  });
});

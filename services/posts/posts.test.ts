// What posts owe is paid whatever fails between, and no order of changes leaves one that is empty.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { hasCode, unavailable } from "../../lib/errors.ts";
import { newPhotoId, newUserId } from "../../lib/ids.ts";
import { type OpenCollection, openCollection } from "../../mixins/collection/collection.ts";
import type { PublishOwed } from "../../mixins/durable-events/debts.ts";
import { isLive, type PostDocument, type PostImage, postsCollections } from "./posts.store.ts";
import { Posts } from "./posts.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const ann = newUserId();
const image = (): PostImage => ({ id: newPhotoId(), width: 4, height: 3 });

let collection: OpenCollection<PostDocument>;
let published: string[];
let away: boolean;
let posts: Posts;
const publish: PublishOwed = async (event, payload) => {
  if (away) throw unavailable();
  published.push(`${event} ${"photo_id" in payload ? payload.photo_id : ""}`);
};

beforeAll(async () => {
  collection = await openCollection(postsCollections.posts, { checkQueries: true }, quiet);
});
beforeEach(async () => {
  await collection.deleteMany({ created_at: { $exists: true }, _id: { $in: await allIds() } });
  published = [];
  away = false;
  posts = new Posts(collection, publish);
});
afterAll(() => collection.close());

const all = () => collection.page({ prefix: "", limit: 1_000 });
const allIds = async () => (await all()).map(({ _id }) => _id);

test("an image that was replaced while events can't be sent is given back later, once", async () => {
  const [first, second] = [image(), image()];
  const { _id } = await posts.create(ann, { text: "veche", image: first });
  away = true;
  expect((await posts.update(_id, ann, { image: second })).image).toEqual(second);
  expect(published).toEqual([]);
  await posts.sweep(60_000);
  away = false;
  await posts.sweep(60_000);
  expect(published).toEqual([]);
  await posts.sweep(0);
  await posts.sweep(0);
  expect(published).toEqual([`image.released ${first.id}`]);
  expect([await posts.holds(ann, first.id), await posts.holds(ann, second.id)]).toEqual([false, true]);
});

test("a post that is deleted then is gone at once, and its images are given back later", async () => {
  const [first, second] = [image(), image()];
  const { _id } = await posts.create(ann, { image: first });
  away = true;
  await posts.update(_id, ann, { image: second });
  await posts.remove(_id, ann);
  await expect(posts.get(_id)).rejects.toMatchObject({ type: "NOT_FOUND" });
  await expect(posts.remove(_id, ann)).rejects.toMatchObject({ type: "NOT_FOUND" });
  expect(await posts.holds(ann, second.id)).toBe(false);
  await posts.sweep(0).catch(() => {});
  // Nothing that it said is kept, only what it owes.
  expect((await all()).map(({ author, text, image: kept }) => [author, text, kept])).toEqual([
    [undefined, undefined, undefined],
  ]);
  away = false;
  await posts.sweep(0);
  expect(published).toEqual([first, second].map(({ id }) => `image.released ${id}`));
  expect(await all()).toEqual([]);
});

test("a photo that is gone takes along a post that is nothing else, and can be told of twice", async () => {
  const [shown, alone] = [image(), image()];
  const both = await posts.create(ann, { text: "veche", image: shown });
  await posts.create(ann, { image: alone });
  for (const { id } of [shown, alone, alone, shown]) await posts.drop(id);
  expect(await all()).toMatchObject([{ _id: both._id, text: "veche" }]);
  expect((await posts.get(both._id)).image).toBeUndefined();
  expect(published).toEqual([]);
});

test("all posts of an author go, whatever they owe, and again", async () => {
  const bob = newUserId();
  away = true;
  for (let i = 0; i < 300; i += 1) await posts.create(ann, { text: `veche ${i}` });
  const { _id } = await posts.create(ann, { text: "veche", image: image() });
  await posts.update(_id, ann, { image: null });
  const { _id: bobs } = await posts.create(bob, { text: "veche" });
  await posts.removeAllOf(ann);
  await posts.removeAllOf(ann);
  expect(await allIds()).toEqual([bobs]);
});

test("changes at once never leave a post with neither text nor image, nor an image that nobody gives back", async () => {
  const change = fc.constantFrom("text", "no text", "image", "no image", "photo gone", "remove");
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 2, maxLength: 8 }), async (changes) => {
      const uploaded = [image()];
      const { _id } = await posts.create(ann, { text: "veche", image: uploaded[0] });
      const gone = new Set<string>();
      const outcomes = await Promise.allSettled(
        changes.map(async (what) => {
          if (what === "remove") return posts.remove(_id, ann);
          if (what === "text") return posts.update(_id, ann, { text: "other" });
          if (what === "no text") return posts.update(_id, ann, { text: " " });
          if (what === "no image") return posts.update(_id, ann, { image: null });
          if (what === "image") {
            const next = image();
            uploaded.push(next);
            return posts.update(_id, ann, { image: next });
          }
          gone.add(uploaded[0]?.id ?? "");
          return posts.drop(uploaded[0]?.id ?? newPhotoId());
        }),
      );
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        const codes = ["NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAVAILABLE"] as const;
        expect(codes.some((code) => hasCode(outcome.reason, code))).toBe(true);
      }
      const post = await collection.findById(_id);
      if (post) expect([isLive(post), Boolean(post.text ?? post.image)]).toEqual([true, true]);
      if (post?.text === undefined) expect(post?.terms).toBeUndefined();
      // Each image is held, given back, gone by itself, or of a change that failed.
      const kept = uploaded.filter(
        ({ id }) => !gone.has(id) && !published.includes(`image.released ${id}`) && post?.image?.id !== id,
      );
      const failed = outcomes.filter(({ status }, i) => status === "rejected" && changes[i] === "image");
      expect(kept.length).toBeLessThanOrEqual(failed.length);
    }),
    { numRuns: 300 },
  );
});

import { beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "./servers/eventually.ts";
import { type SignedUp, signUp } from "./support/http.ts";
import { jpeg, setAvatar, upload } from "./support/images.ts";
import { bearer, type Photo, photosOfOne } from "./support/photos.ts";

const one = photosOfOne();
const { api, files, post, fetchBytes } = one;

describe("the bytes", () => {
  let photo: Photo;
  let bytes: Buffer;
  beforeAll(async () => {
    // Several chunks.
    photo = (await post(await jpeg(1600, 1200))).body;
    bytes = (await fetchBytes(photo.url)).bytes;
    expect(bytes.length).toBeGreaterThan(500_000);
  });
  const path = () => `/v1/photos/${photo.id}`;

  test("are for who is signed in, and for who has a signed URL", async () => {
    expect((await fetchBytes(path())).status).toBe(401);
    const mine = await fetchBytes(path(), bearer(one.bob));
    expect([mine.status, mine.bytes.equals(bytes)]).toEqual([200, true]);
    const thumb = await fetchBytes(`${path()}?size=thumb`, bearer(one.bob));
    expect(thumb.bytes.equals((await fetchBytes(photo.thumb_url)).bytes)).toBe(true);
  });

  test("are not for who changed a signed URL", async () => {
    const { searchParams } = new URL(photo.thumb_url, one.veche.baseUrl);
    const [exp, sig] = [searchParams.get("exp"), searchParams.get("sig")];
    const other = (await post(await jpeg())).body;
    for (const changed of [
      `${path()}?size=full&exp=${exp}&sig=${sig}`,
      `${path()}?size=thumb&exp=${Number(exp) + 1}&sig=${sig}`,
      `${path()}?size=thumb&exp=${exp}&sig=${sig?.slice(1)}`,
      `${path()}?size=thumb&exp=${exp}&sig=`,
      `/v1/photos/${other.id}?size=thumb&exp=${exp}&sig=${sig}`,
    ]) {
      expect([changed, (await fetchBytes(changed)).status]).toEqual([changed, 403]);
    }
    expect((await fetchBytes(`${path()}?sig=${sig}`)).status).toBe(400);
    expect((await fetchBytes(photo.thumb_url, { authorization: "Bearer nonsense" })).status).toBe(401);
  });

  test("are not for whom the owner blocked, but by the URL", async () => {
    const eve = await signUp(one.veche.baseUrl);
    expect((await fetchBytes(path(), bearer(eve))).status).toBe(200);
    expect((await api("POST", `/v1/blocks/${eve.userId}`, one.ann)).status).toBeLessThan(300);
    expect((await fetchBytes(path(), bearer(eve))).status).toBe(404);
    expect((await api("GET", `/v1/users/${one.ann.userId}/photos`, eve)).status).toBe(404);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, eve)).status).toBe(403);
    expect((await fetchBytes(photo.thumb_url)).status).toBe(200);
    // Who blocks still sees the other's.
    const { body } = await upload<Photo>(one.veche.baseUrl, eve, await jpeg());
    expect((await fetchBytes(`/v1/photos/${body.id}`, bearer(one.ann))).status).toBe(200);
  });

  test("are cached for long by who got them, and not sent again", async () => {
    const { headers } = await fetchBytes(path(), bearer(one.ann));
    expect(headers.get("cache-control")).toMatch(/^private, .*immutable$/);
    const etag = String(headers.get("etag"));
    for (const value of [etag, `W/${etag}`, "*", `"other", ${etag}`]) {
      const again = await fetchBytes(path(), { ...bearer(one.ann), "if-none-match": value });
      expect([again.status, again.bytes.length, again.headers.get("etag")]).toEqual([304, 0, etag]);
    }
    expect((await fetchBytes(path(), { ...bearer(one.ann), "if-none-match": '"other"' })).status).toBe(200);
  });

  test("are sent in parts", async () => {
    const part = async (range: string, more: Record<string, string> = {}) => {
      const answer = await fetchBytes(path(), { ...bearer(one.ann), range, ...more });
      return { ...answer, range: answer.headers.get("content-range") };
    };
    const total = bytes.length;
    const middle = await part("bytes=100000-499999");
    expect([middle.status, middle.range]).toEqual([206, `bytes 100000-499999/${total}`]);
    expect(middle.bytes.equals(bytes.subarray(100_000, 500_000))).toBe(true);
    const tail = await part("bytes=-10");
    expect([tail.range, tail.bytes]).toEqual([
      `bytes ${total - 10}-${total - 1}/${total}`,
      bytes.subarray(-10),
    ]);
    expect((await part(`bytes=${total - 5}-`)).bytes).toEqual(bytes.subarray(-5));
    const beyond = await part(`bytes=${total}-`);
    expect([beyond.status, beyond.range]).toEqual([416, `bytes */${total}`]);
    for (const whole of ["bytes=9-1", "bytes=0-1,5-6", "lines=1-2", "bytes=-"]) {
      expect([whole, (await part(whole)).status]).toEqual([whole, 200]);
    }
    const etag = String(middle.headers.get("etag"));
    expect((await part("bytes=0-9", { "if-range": etag })).status).toBe(206);
    expect((await part("bytes=0-9", { "if-range": '"other"' })).status).toBe(200);
  });

  test("are told of without being sent", async () => {
    const { status, headers, bytes: sent } = await fetchBytes(path(), bearer(one.ann), "HEAD");
    expect([status, headers.get("content-length"), sent.length]).toEqual([200, String(bytes.length), 0]);
  });
});

describe("a gallery", () => {
  test("has the photos of a user, newest first, page by page, and no avatar", async () => {
    const eve = await signUp(one.veche.baseUrl);
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1)
      ids.unshift(String((await upload(one.veche.baseUrl, eve, await jpeg())).body.id));
    await setAvatar(one.veche.baseUrl, eve, await jpeg());
    const first = await api<{ photos: Photo[]; next_cursor: string }>(
      "GET",
      `/v1/users/${eve.userId}/photos?limit=2`,
      one.bob,
    );
    expect(first.body.photos.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await api<{ photos: Photo[] }>(
      "GET",
      `/v1/me/photos?limit=2&cursor=${first.body.next_cursor}`,
      eve,
    );
    expect(rest.body).toMatchObject({ photos: [{ id: ids[2] }], next_cursor: null });
    expect((await api("GET", "/v1/users/7/photos", one.bob)).status).toBe(404);
  });

  test("a photo is deleted by its owner, with its bytes", async () => {
    const { body: photo } = await post(await jpeg());
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, one.bob)).status).toBe(403);
    expect((await fetchBytes(photo.url)).status).toBe(200);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, one.ann)).status).toBe(204);
    expect((await fetchBytes(photo.url)).status).toBe(404);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, one.ann)).status).toBe(404);
    expect(files().filter((name) => name.startsWith(photo.id))).toEqual([]);
  });
});

describe("an avatar", () => {
  const avatarOf = async (user: SignedUp) =>
    (await api<{ avatar_url: string | null }>("GET", "/v1/me", user)).body.avatar_url;

  test("is shown in the profile, and the one before goes", async () => {
    const eve = await signUp(one.veche.baseUrl);
    await api("PATCH", "/v1/profile", eve, { avatar_url: "https://example.com/me.png" });
    const first = (await setAvatar(one.veche.baseUrl, eve, await jpeg())).body as unknown as Photo;
    expect(await avatarOf(eve)).toBe(first.thumb_url);
    expect((await fetchBytes(first.thumb_url)).status).toBe(200);
    const second = (await setAvatar(one.veche.baseUrl, eve, await jpeg())).body as unknown as Photo;
    expect(await avatarOf(eve)).toBe(second.thumb_url);
    await eventually(async () => (await fetchBytes(first.url)).status === 404);
    await eventually(() => files().filter((name) => name.startsWith(first.id)).length === 0);
    expect((await api("DELETE", "/v1/me/avatar", eve)).status).toBe(204);
    expect(await avatarOf(eve)).toBe("https://example.com/me.png");
    await eventually(async () => (await fetchBytes(second.url)).status === 404);
    expect((await api("DELETE", "/v1/me/avatar", eve)).status).toBe(404);
  });

  test("that is deleted as a photo leaves the profile", async () => {
    const eve = await signUp(one.veche.baseUrl);
    const { body } = await setAvatar(one.veche.baseUrl, eve, await jpeg());
    expect((await api("DELETE", `/v1/me/photos/${body.id}`, eve)).status).toBe(204);
    await eventually(async () => (await avatarOf(eve)) === null);
  });

  test("of ten at once leaves one", async () => {
    const eve = await signUp(one.veche.baseUrl);
    const image = await jpeg();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => setAvatar(one.veche.baseUrl, eve, image)),
    );
    for (const { status } of answers) expect([200, 412]).toContain(status);
    const ids = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => String(body.id)));
    const kept = () => files().filter((name) => name.endsWith(".full") && ids.has(name.slice(0, 16)));
    await eventually(() => kept().length === 1, { within: 15_000 });
    expect(await avatarOf(eve)).toContain(String(kept()[0]).slice(0, 16));
  });
});

test("deleting an account removes its photos and its avatar", async () => {
  const eve = await signUp(one.veche.baseUrl);
  const ids: unknown[] = [];
  for (let i = 0; i < 5; i += 1) ids.push((await upload(one.veche.baseUrl, eve, await jpeg())).body.id);
  ids.push((await setAvatar(one.veche.baseUrl, eve, await jpeg())).body.id);
  expect((await api("DELETE", "/v1/account", eve, { password: eve.password })).status).toBe(202);
  await eventually(() => files().every((name) => !ids.includes(name.slice(0, 16))));
  for (const id of ids) expect((await api("GET", `/v1/photos/${id}`, one.bob)).status).toBe(404);
});

test("in the end each photo has both sizes", () => {
  const names = files();
  expect(names.filter((name) => name.endsWith(".thumb")).length).toBe(names.length / 2);
});

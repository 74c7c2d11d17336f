// Photos by their public door: what is taken, what is refused, who sees them, and that nothing is left behind.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import sharp from "sharp";
import { newSessionId } from "../lib/ids.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { clientOf, type SignedUp, signUp } from "./support/http.ts";
import { jpeg, noise, setAvatar, upload } from "./support/images.ts";

interface Photo {
  id: string;
  user_id: string;
  content_type: string;
  width: number;
  height: number;
  size: number;
  url: string;
  thumb_url: string;
}

let veche: Embedded;
let directory: string;
let ann: SignedUp;
let bob: SignedUp;
const api = clientOf(() => veche.baseUrl);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-photo-test-"));
  veche = await startEmbedded({ DATA_DIR: directory, STALE_AFTER_MS: "2000" });
  [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
});
afterAll(async () => {
  await veche.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The files of photos, and of uploads under way. */
const files = () =>
  existsSync(join(directory, "photos"))
    ? readdirSync(join(directory, "photos"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== "mark")
        .map(({ name }) => name)
        .sort()
    : [];

const post = (image: Buffer, options: Parameters<typeof upload>[3] = {}) =>
  upload<Photo & { detail: string; errors?: { path: string }[] }>(veche.baseUrl, ann, image, options);

const fetchBytes = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
  const answer = await fetch(`${veche.baseUrl}${path}`, { method, headers });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
};
const bearer = (user: SignedUp) => ({ authorization: `Bearer ${user.accessToken}` });

describe("an upload", () => {
  test.each(["jpeg", "png", "webp", "gif"] as const)("of a %s is kept, with a thumbnail", async (format) => {
    const image = await noise(640, 400).toFormat(format).toBuffer();
    const { status, body, headers } = await post(image);
    expect([status, body]).toMatchObject([
      201,
      { user_id: ann.userId, content_type: `image/${format}`, width: 640, height: 400 },
    ]);
    expect(headers.get("location")).toBe(`/v1/photos/${body.id}`);
    const full = await fetchBytes(body.url);
    expect([full.status, full.headers.get("content-type"), full.bytes.length]).toEqual([
      200,
      `image/${format}`,
      body.size,
    ]);
    expect(await sharp(full.bytes).metadata()).toMatchObject({ format, width: 640, height: 400 });
    const thumb = await fetchBytes(body.thumb_url);
    expect(thumb.headers.get("content-type")).toBe("image/webp");
    expect(await sharp(thumb.bytes).metadata()).toMatchObject({ format: "webp", width: 320, height: 200 });
  });

  test("of a photo from a phone loses its place and keeps upright", async () => {
    const image = await noise(320, 200)
      .jpeg()
      .withExif({
        IFD0: { Model: "Phone", Orientation: "6" },
        IFD3: { GPSLatitudeRef: "N", GPSLatitude: "57/1 49/1 0/1" },
      })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    expect((await sharp(image).metadata()).exif?.includes("Phone")).toBe(true);
    const { body } = await post(image);
    expect(body).toMatchObject({ width: 200, height: 320 });
    for (const url of [body.url, body.thumb_url]) {
      const { exif, xmp, icc, iptc } = await sharp((await fetchBytes(url)).bytes).metadata();
      expect([exif, xmp, icc, iptc]).toEqual([undefined, undefined, undefined, undefined]);
    }
  });

  test("of an animation keeps its frames", async () => {
    const frames = await Promise.all([1, 2, 3].map(() => noise(40, 30).png().toBuffer()));
    const { body } = await post(
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    );
    expect(body).toMatchObject({ content_type: "image/gif", width: 40, height: 30 });
    expect((await sharp((await fetchBytes(body.url)).bytes).metadata()).pages).toBe(3);
  });

  test("with the wrong name and type is taken for what it contains", async () => {
    const png = await noise(32, 32).png().toBuffer();
    const { status, body } = await post(png, { filename: "evil.html", type: "text/html" });
    expect([status, body.content_type]).toEqual([201, "image/png"]);
    expect((await fetchBytes(body.url)).headers.get("content-type")).toBe("image/png");
  });

  test("of a page within a picture keeps the picture alone", async () => {
    const page = "<html><script>alert(document.domain)</script></html>";
    const image = await jpeg();
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, page.length + 2]), Buffer.from(page)]);
    const polyglot = Buffer.concat([image.subarray(0, 2), comment, image.subarray(2), Buffer.from(page)]);
    const { status, body } = await post(polyglot, { filename: "page.html", type: "text/html" });
    expect(status).toBe(201);
    for (const url of [body.url, body.thumb_url]) {
      const { bytes, headers } = await fetchBytes(url);
      expect(bytes.includes("script")).toBe(false);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-disposition")).toMatch(/^attachment; filename="\d{16}\.(jpeg|webp)"$/);
    }
  });
});

describe("refused, with nothing left behind:", () => {
  const MiB = 1024 * 1024;
  /** As small as can be: a header that promises, and little behind it. */
  const bomb = () => {
    const header = Buffer.from(
      "89504e470d0a1a0a0000000d494844520000c3500000c35008020000000000000000000000",
      "hex",
    );
    return Buffer.concat([header, Buffer.alloc(1000)]);
  };
  const manyFrames = () => {
    const screen = Buffer.from("474946383961 0100 0100 80 00 00 000000 ffffff".replaceAll(" ", ""), "hex");
    const frame = Buffer.from("2c 0000 0000 0100 0100 00 02 02 4401 00".replaceAll(" ", ""), "hex");
    return Buffer.concat([screen, ...Array.from({ length: 10_000 }, () => frame), Buffer.from(";")]);
  };
  const cut = async (format: "jpeg" | "png" | "webp" | "gif") => {
    const image = await noise(200, 200).toFormat(format).toBuffer();
    return image.subarray(0, Math.floor(image.length * 0.6));
  };

  test.each<[string, number, () => Buffer | Promise<Buffer>]>([
    ["a JPEG that is cut off", 400, () => cut("jpeg")],
    ["a PNG that is cut off", 400, () => cut("png")],
    ["a WebP that is cut off", 400, () => cut("webp")],
    ["a GIF that is cut off", 400, () => cut("gif")],
    [
      "an SVG with a script",
      400,
      () => Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
    ],
    ["a page", 400, () => Buffer.from("<!doctype html><html><body>hello</body></html>")],
    ["a PNG of 50,000 × 50,000", 400, bomb],
    ["a GIF of 10,000 frames", 400, manyFrames],
    ["no bytes", 400, () => Buffer.alloc(0)],
    ["a few bytes", 400, () => Buffer.from([0xff, 0xd8, 0xff])],
    ["11 MiB", 413, async () => Buffer.concat([await jpeg(), Buffer.alloc(11 * MiB)])],
    ["100 MiB", 413, () => Buffer.alloc(100 * MiB)],
    [
      "a PNG whose header lies",
      400,
      async () =>
        Buffer.concat([
          await noise(9, 9)
            .png()
            .toBuffer()
            .then((png) => png.subarray(0, 30)),
          Buffer.alloc(999),
        ]),
    ],
    [
      "noise that begins like a JPEG",
      400,
      () => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(300_000, 7)]),
    ],
  ])("%s", async (_name, status, make) => {
    const before = [files(), (await api("GET", "/v1/me/photos?limit=100", ann)).body];
    const answer = await post(await make());
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringMatching(/\w/)]);
    expect([files(), (await api("GET", "/v1/me/photos?limit=100", ann)).body]).toEqual(before);
  });

  test.each<[string, number, Parameters<typeof upload>[3], string?]>([
    ["a file of another name", 400, { field: "image" }, "image"],
    ["an unknown field", 400, { fields: { caption: "hello" } }, "caption"],
    ["a file as text", 400, { fields: { photo: "hello" } }, "photo"],
    ["the param that the gateway fills in", 400, { fields: { upload: "x" } }, "upload"],
  ])("%s", async (_name, status, options, path) => {
    const before = files();
    const answer = await post(await jpeg(), options);
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([status, path]);
    expect(files()).toEqual(before);
  });

  test("more at once than a user may have; and the server lives on", async () => {
    const meta = { user: { id: ann.userId, sessionId: newSessionId(), role: "user" } };
    const begin = () => veche.broker.call<{ upload: string }, object>("v1.photo.beginUpload", {}, { meta });
    const uploads = await Promise.all(Array.from({ length: 8 }, begin));
    const large = await jpeg(3_000, 2_000);
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(large)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
    for (const upload of uploads) await veche.broker.call("v1.photo.abortUpload", upload, { meta });
    expect((await post(await jpeg())).status).toBe(201);
  });

  test("JSON, and a form without a boundary", async () => {
    expect((await api("POST", "/v1/me/photos", ann, { photo: "x" })).status).toBe(415);
    const headers = { ...bearer(ann), "content-type": "multipart/form-data" };
    const answer = await fetch(`${veche.baseUrl}/v1/me/photos`, { method: "POST", headers, body: "x" });
    expect(answer.status).toBe(400);
  });

  test("a form without a file", async () => {
    const form = new FormData();
    const answer = await fetch(`${veche.baseUrl}/v1/me/avatar`, {
      method: "PUT",
      headers: bearer(ann),
      body: form,
    });
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ path: "image" }] }]);
  });
});

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
    const mine = await fetchBytes(path(), bearer(bob));
    expect([mine.status, mine.bytes.equals(bytes)]).toEqual([200, true]);
    const thumb = await fetchBytes(`${path()}?size=thumb`, bearer(bob));
    expect(thumb.bytes.equals((await fetchBytes(photo.thumb_url)).bytes)).toBe(true);
  });

  test("are not for who changed a signed URL", async () => {
    const { searchParams } = new URL(photo.thumb_url, veche.baseUrl);
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
    const eve = await signUp(veche.baseUrl);
    expect((await fetchBytes(path(), bearer(eve))).status).toBe(200);
    expect((await api("POST", `/v1/blocks/${eve.userId}`, ann)).status).toBeLessThan(300);
    expect((await fetchBytes(path(), bearer(eve))).status).toBe(404);
    expect((await api("GET", `/v1/users/${ann.userId}/photos`, eve)).status).toBe(404);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, eve)).status).toBe(403);
    expect((await fetchBytes(photo.thumb_url)).status).toBe(200);
    // Who blocks still sees the other's.
    const { body } = await upload<Photo>(veche.baseUrl, eve, await jpeg());
    expect((await fetchBytes(`/v1/photos/${body.id}`, bearer(ann))).status).toBe(200);
  });

  test("are cached for long by who got them, and not sent again", async () => {
    const { headers } = await fetchBytes(path(), bearer(ann));
    expect(headers.get("cache-control")).toMatch(/^private, .*immutable$/);
    const etag = String(headers.get("etag"));
    for (const value of [etag, `W/${etag}`, "*", `"other", ${etag}`]) {
      const again = await fetchBytes(path(), { ...bearer(ann), "if-none-match": value });
      expect([again.status, again.bytes.length, again.headers.get("etag")]).toEqual([304, 0, etag]);
    }
    expect((await fetchBytes(path(), { ...bearer(ann), "if-none-match": '"other"' })).status).toBe(200);
  });

  test("are sent in parts", async () => {
    const part = async (range: string, more: Record<string, string> = {}) => {
      const answer = await fetchBytes(path(), { ...bearer(ann), range, ...more });
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
    const { status, headers, bytes: sent } = await fetchBytes(path(), bearer(ann), "HEAD");
    expect([status, headers.get("content-length"), sent.length]).toEqual([200, String(bytes.length), 0]);
  });
});

describe("a gallery", () => {
  test("has the photos of a user, newest first, page by page, and no avatar", async () => {
    const eve = await signUp(veche.baseUrl);
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1)
      ids.unshift(String((await upload(veche.baseUrl, eve, await jpeg())).body.id));
    await setAvatar(veche.baseUrl, eve, await jpeg());
    const first = await api<{ photos: Photo[]; next_cursor: string }>(
      "GET",
      `/v1/users/${eve.userId}/photos?limit=2`,
      bob,
    );
    expect(first.body.photos.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await api<{ photos: Photo[] }>(
      "GET",
      `/v1/me/photos?limit=2&cursor=${first.body.next_cursor}`,
      eve,
    );
    expect(rest.body).toMatchObject({ photos: [{ id: ids[2] }], next_cursor: null });
    expect((await api("GET", "/v1/users/7/photos", bob)).status).toBe(404);
  });

  test("a photo is deleted by its owner, with its bytes", async () => {
    const { body: photo } = await post(await jpeg());
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, bob)).status).toBe(403);
    expect((await fetchBytes(photo.url)).status).toBe(200);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, ann)).status).toBe(204);
    expect((await fetchBytes(photo.url)).status).toBe(404);
    expect((await api("DELETE", `/v1/me/photos/${photo.id}`, ann)).status).toBe(404);
    expect(files().filter((name) => name.startsWith(photo.id))).toEqual([]);
  });
});

describe("an avatar", () => {
  const avatarOf = async (user: SignedUp) =>
    (await api<{ avatar_url: string | null }>("GET", "/v1/me", user)).body.avatar_url;

  test("is shown in the profile, and the one before goes", async () => {
    const eve = await signUp(veche.baseUrl);
    await api("PATCH", "/v1/profile", eve, { avatar_url: "https://example.com/me.png" });
    const first = (await setAvatar(veche.baseUrl, eve, await jpeg())).body as unknown as Photo;
    expect(await avatarOf(eve)).toBe(first.thumb_url);
    expect((await fetchBytes(first.thumb_url)).status).toBe(200);
    const second = (await setAvatar(veche.baseUrl, eve, await jpeg())).body as unknown as Photo;
    expect(await avatarOf(eve)).toBe(second.thumb_url);
    await eventually(async () => (await fetchBytes(first.url)).status === 404);
    await eventually(() => files().filter((name) => name.startsWith(first.id)).length === 0);
    expect((await api("DELETE", "/v1/me/avatar", eve)).status).toBe(204);
    expect(await avatarOf(eve)).toBe("https://example.com/me.png");
    await eventually(async () => (await fetchBytes(second.url)).status === 404);
    expect((await api("DELETE", "/v1/me/avatar", eve)).status).toBe(404);
  });

  test("that is deleted as a photo leaves the profile", async () => {
    const eve = await signUp(veche.baseUrl);
    const { body } = await setAvatar(veche.baseUrl, eve, await jpeg());
    expect((await api("DELETE", `/v1/me/photos/${body.id}`, eve)).status).toBe(204);
    await eventually(async () => (await avatarOf(eve)) === null);
  });

  test("of ten at once leaves one", async () => {
    const eve = await signUp(veche.baseUrl);
    const image = await jpeg();
    const answers = await Promise.all(Array.from({ length: 8 }, () => setAvatar(veche.baseUrl, eve, image)));
    for (const { status } of answers) expect([200, 412]).toContain(status);
    const ids = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => String(body.id)));
    const kept = () => files().filter((name) => name.endsWith(".full") && ids.has(name.slice(0, 16)));
    await eventually(() => kept().length === 1, { within: 15_000 });
    expect(await avatarOf(eve)).toContain(String(kept()[0]).slice(0, 16));
  });
});

test("deleting an account removes its photos and its avatar", async () => {
  const eve = await signUp(veche.baseUrl);
  const ids: unknown[] = [];
  for (let i = 0; i < 5; i += 1) ids.push((await upload(veche.baseUrl, eve, await jpeg())).body.id);
  ids.push((await setAvatar(veche.baseUrl, eve, await jpeg())).body.id);
  expect((await api("DELETE", "/v1/account", eve, { password: eve.password })).status).toBe(202);
  await eventually(() => files().every((name) => !ids.includes(name.slice(0, 16))));
  for (const id of ids) expect((await api("GET", `/v1/photos/${id}`, bob)).status).toBe(404);
});

test("an upload that drips for too long is ended with 408, and leaves nothing", async () => {
  const home = mkdtempSync(join(tmpdir(), "veche-photo-test-"));
  const slow = await startEmbedded({ UPLOAD_TIMEOUT_MS: "500", DATA_DIR: home });
  try {
    const { accessToken } = await signUp(slow.baseUrl);
    const image = await jpeg();
    let at = 0;
    const head = '--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n';
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(head)),
      async pull(controller) {
        await new Promise((passed) => setTimeout(passed, 20));
        controller.enqueue(new Uint8Array(image.subarray(at, ++at)));
      },
    });
    const answer = await fetch(`${slow.baseUrl}/v1/me/photos`, {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "multipart/form-data; boundary=b" },
      body,
      // The types don't know it; fetch wants it with a stream.
      ...({ duplex: "half" } as object),
    });
    expect(answer.status).toBe(408);
    await eventually(() => readdirSync(join(home, "photos", "uploads")).length === 0);
    const list = await fetch(`${slow.baseUrl}/v1/me/photos`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(await list.json()).toMatchObject({ photos: [] });
  } finally {
    await slow.stop();
    rmSync(home, { recursive: true, force: true });
  }
});

test("in the end no upload has left anything, and each photo has both sizes", async () => {
  await eventually(() => readdirSync(join(directory, "photos", "uploads")).length === 0);
  const names = files();
  expect(names.filter((name) => name.endsWith(".thumb")).length).toBe(names.length / 2);
});

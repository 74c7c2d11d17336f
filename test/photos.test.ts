// Photos by their public door: what is taken, what is refused, and that nothing is left behind.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import sharp from "sharp";
import { newSessionId } from "../lib/ids.ts";
import { eventually } from "./servers/eventually.ts";
import { startEmbedded } from "./support/embedded.ts";
import { signUp } from "./support/http.ts";
import { jpeg, noise, type upload } from "./support/images.ts";
import { bearer, photosOfOne } from "./support/photos.ts";

const one = photosOfOne();
const { api, files, post, fetchBytes } = one;

describe("an upload", () => {
  test.each(["jpeg", "png", "webp", "gif"] as const)("of a %s is kept, with a thumbnail", async (format) => {
    const image = await noise(640, 400).toFormat(format).toBuffer();
    const { status, body, headers } = await post(image);
    expect([status, body]).toMatchObject([
      201,
      { user_id: one.ann.userId, content_type: `image/${format}`, width: 640, height: 400 },
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
    const before = [files(), (await api("GET", "/v1/me/photos?limit=100", one.ann)).body];
    const answer = await post(await make());
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringMatching(/\w/)]);
    expect([files(), (await api("GET", "/v1/me/photos?limit=100", one.ann)).body]).toEqual(before);
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
    const meta = { user: { id: one.ann.userId, sessionId: newSessionId(), role: "user" } };
    const begin = () =>
      one.veche.broker.call<{ upload: string }, object>("v1.photo.beginUpload", {}, { meta });
    const uploads = await Promise.all(Array.from({ length: 8 }, begin));
    const large = await jpeg(3_000, 2_000);
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(large)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
    for (const upload of uploads) await one.veche.broker.call("v1.photo.abortUpload", upload, { meta });
    expect((await post(await jpeg())).status).toBe(201);
  });

  test("JSON, and a form without a boundary", async () => {
    expect((await api("POST", "/v1/me/photos", one.ann, { photo: "x" })).status).toBe(415);
    const headers = { ...bearer(one.ann), "content-type": "multipart/form-data" };
    const answer = await fetch(`${one.veche.baseUrl}/v1/me/photos`, { method: "POST", headers, body: "x" });
    expect(answer.status).toBe(400);
  });

  test("a form without a file", async () => {
    const form = new FormData();
    const answer = await fetch(`${one.veche.baseUrl}/v1/me/avatar`, {
      method: "PUT",
      headers: bearer(one.ann),
      body: form,
    });
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ path: "image" }] }]);
  });
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
  await eventually(() => readdirSync(join(one.directory, "photos", "uploads")).length === 0);
  const names = files();
  expect(names.filter((name) => name.endsWith(".thumb")).length).toBe(names.length / 2);
});

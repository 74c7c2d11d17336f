// Photos and the requests that bring and read them: how their bytes are cut, how many there are, and what is said when one fails.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { unavailable } from "../lib/errors.ts";
import type { PhotoId } from "../lib/ids.ts";
import type { PhotoStorage } from "../services/photo/storage/storage.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { request, type SignedUp, signUp } from "./support/http.ts";
import { jpeg, noise, upload } from "./support/images.ts";

const MiB = 1024 * 1024;

interface Shown {
  id: PhotoId;
  url: string;
}

let veche: Embedded;
let ann: SignedUp;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-photo-requests-"));
  veche = await startEmbedded({ DATA_DIR: directory });
  ann = await signUp(veche.baseUrl);
});
afterAll(async () => {
  await veche.stop();
  rmSync(directory, { recursive: true, force: true });
});

const FILE = Buffer.from('--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n');
const END = Buffer.from("\r\n--b--\r\n");

function open(): Socket {
  const { hostname, port } = new URL(veche.baseUrl);
  return connect(Number(port), hostname)
    .on("error", () => {})
    .setNoDelay(true);
}

const headOf = (length: number | undefined, more = "Connection: close\r\n", { accessToken } = ann) =>
  Buffer.from(
    `POST /v1/me/photos HTTP/1.1\r\nHost: a\r\n${more}Authorization: Bearer ${accessToken}\r\n` +
      "Content-Type: multipart/form-data; boundary=b\r\n" +
      `${length === undefined ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`}\r\n\r\n`,
  );

test.each([0, 1, 4, 11, 12])("a photo of which %d bytes come alone at first is taken", async (alone) => {
  const image = await noise(900, 700).jpeg({ quality: 95 }).toBuffer();
  expect(image.length).toBeGreaterThan(3 * 64 * 1024);
  const socket = open();
  let answer = "";
  socket.on("data", (text) => {
    answer += String(text);
  });
  const head = headOf(FILE.length + image.length + END.length);
  socket.write(Buffer.concat([head, FILE, image.subarray(0, alone)]));
  // They would come together.
  await sleep(100);
  socket.write(Buffer.concat([image.subarray(alone), END]));
  await new Promise((resolve) => socket.once("close", resolve));
  expect(answer.split("\r\n")[0]).toBe("HTTP/1.1 201 Created");
});

const piece = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(0x10000), Buffer.from("\r\n")]);

test.each([
  ["in front of the first part", "413 Payload Too Large", Buffer.alloc(0)],
  ["after a part that is refused", "400 Bad Request", Buffer.from(String(FILE).replace("photo", "nope"))],
])("a form that never ends %s is answered, and cut off", async (_where, status, start) => {
  const socket = open();
  let answer = "";
  socket.on("data", (text) => {
    answer += String(text);
  });
  socket.write(headOf(undefined, ""));
  if (start.length > 0) socket.write(`${start.length.toString(16)}\r\n${start}\r\n`);
  let sent = 0;
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  while (!socket.destroyed && sent < 500 * MiB) {
    sent += piece.length;
    const isFull = !socket.write(piece);
    if (isFull) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
  }
  expect(sent).toBeLessThan(500 * MiB);
  expect(answer.split("\r\n")[0]).toBe(`HTTP/1.1 ${status}`);
});

test.each(["GET", "HEAD"])(
  "%s of bytes that can't be read now is a 503, and of lost ones a 404",
  async (method) => {
    const { body } = await upload<Shown>(veche.baseUrl, ann, await jpeg());
    const { storage } = veche.broker.getLocalService({ name: "photo", version: 1 }) as unknown as {
      storage: PhotoStorage;
    };
    const read = storage.read.bind(storage);
    const status = async () => (await fetch(`${veche.baseUrl}${body.url}`, { method })).status;
    expect(await status()).toBe(200);
    storage.read = async () => {
      throw unavailable();
    };
    try {
      expect(await status()).toBe(503);
    } finally {
      storage.read = read;
    }
    await storage.remove(body.id);
    expect(await status()).toBe(404);
  },
);

test("a range is of GET alone", async () => {
  const { body } = await upload<Shown & { size: number }>(veche.baseUrl, ann, await jpeg());
  for (const range of ["bytes=0-9", "bytes=99999999-"]) {
    const { status, headers } = await fetch(`${veche.baseUrl}${body.url}`, {
      method: "HEAD",
      headers: { range },
    });
    expect([status, headers.get("content-length")]).toEqual([200, String(body.size)]);
  }
});

test("of a signed photo there is one URL", async () => {
  const { body } = await upload<Shown>(veche.baseUrl, ann, await jpeg());
  for (const url of [`${body.url}!!`, `${body.url}=`, body.url.replace("exp=", "exp=0")]) {
    expect([url, (await fetch(`${veche.baseUrl}${url}`)).status < 400]).toEqual([url, false]);
  }
  expect((await fetch(`${veche.baseUrl}${body.url}`)).status).toBe(200);
});

describe("one who sends eight images that take long to decode", () => {
  const spool = () => readdirSync(join(directory, "photos", "uploads"));
  /** Of few bytes. */
  const heavy = noise(8, 8).resize(6_000, 6_000).jpeg({ progressive: true }).toBuffer();

  test("gets no more of them in, and does not keep others waiting", async () => {
    const eve = await signUp(veche.baseUrl);
    const image = await heavy;
    let done = 0;
    const sent = Array.from({ length: 8 }, async () => {
      const { status } = await upload(veche.baseUrl, eve, image);
      done += 1;
      return status;
    });
    await eventually(() => spool().filter((name) => name.length === 36).length === 8);
    expect((await upload(veche.baseUrl, eve, image)).status).toBe(429);
    const before = done;
    expect((await upload(veche.baseUrl, ann, await jpeg())).status).toBe(201);
    expect(done - before).toBeLessThanOrEqual(2);
    // Those that waited for too long were given up.
    for (const status of await Promise.all(sent)) expect([201, 429]).toContain(status);
  });

  test("and goes, has none of those decoded that still wait", async () => {
    const eve = await signUp(veche.baseUrl);
    const image = await heavy;
    const sockets = Array.from({ length: 8 }, open);
    for (const socket of sockets) {
      const head = headOf(FILE.length + image.length + END.length, "", eve);
      socket.write(Buffer.concat([head, FILE, image, END]));
    }
    const whole = () => spool().filter((name) => name.length === 36).length;
    await eventually(() => whole() === 8);
    // All have arrived, and the first is being decoded.
    await eventually(() => spool().some((name) => name.endsWith(".full")));
    for (const socket of sockets) socket.destroy();
    await eventually(() => whole() <= 1);
    await eventually(() => whole() === 0);
    const { body } = await request<{ photos: object[] }>(veche.baseUrl, "GET", "/v1/me/photos", {
      token: eve.accessToken,
    });
    expect(body.photos.length).toBeLessThanOrEqual(2);
  });
});

// The slower side sets the pace, of uploads and of downloads: how much of a photo is under way in the process at any time.
import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Service } from "moleculer";
import type { PhotoStorage } from "../services/photo/storage/storage.ts";
import type { Uploads } from "../services/photo/uploads.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { type SignedUp, signUp } from "./support/http.ts";
import { noise, upload } from "./support/images.ts";

const MiB = 1024 * 1024;

let veche: Embedded;
let ann: SignedUp;
let image: Buffer;
beforeAll(async () => {
  veche = await startEmbedded();
  ann = await signUp(veche.baseUrl);
  image = await noise(4_000, 3_000).jpeg({ quality: 80 }).toBuffer();
  expect(image.length).toBeGreaterThan(5 * MiB);
});
afterAll(() => veche.stop());

/** The parts of the service that are slowed down. */
const photoService = () =>
  veche.broker.getLocalService({ name: "photo", version: 1 }) as Service & {
    uploads: Uploads;
    storage: PhotoStorage;
  };
const gateway = () => (veche.broker.getLocalService("api") as unknown as { server: Server }).server;

test("an upload to a slow disk: less than 1 MiB has come that is not on it", async () => {
  const { uploads } = photoService();
  const write = uploads.write.bind(uploads);
  let come = () => 0;
  const seen = ({ socket }: { socket: Socket }) => {
    const before = socket.bytesRead;
    come = () => socket.bytesRead - before;
  };
  gateway().once("request", seen);
  let written = 0;
  let most = 0;
  const ahead = () => come() - written;
  const watching = setInterval(() => {
    most = Math.max(most, ahead());
  }, 1);
  uploads.write = async (id, owner, seq, bytes) => {
    await sleep(10);
    await write(id, owner, seq, bytes);
    written += bytes.length;
  };
  try {
    expect((await upload(veche.baseUrl, ann, image)).status).toBe(201);
  } finally {
    clearInterval(watching);
    uploads.write = write;
  }
  expect(written).toBe(image.length);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(MiB);
});

test("a download to a slow client: less than 1 MiB has been read that it has not got", async () => {
  const { body } = await upload<{ url: string; size: number }>(veche.baseUrl, ann, image);
  const { storage } = photoService();
  const read = storage.read.bind(storage);
  let fetched = 0;
  storage.read = async (...args) => {
    const bytes = await read(...args);
    fetched += bytes.length;
    return bytes;
  };
  const served: Socket[] = [];
  const seen = (socket: Socket) => served.push(socket);
  gateway().on("connection", seen);
  const { port } = gateway().address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  try {
    client.write(`GET ${body.url} HTTP/1.1\r\nHost: veche\r\nConnection: close\r\n\r\n`);
    // Nobody reads: the system's buffers fill, and then nothing more is read from the storage.
    client.pause();
    let before = -1;
    while (before !== fetched || fetched === 0) {
      before = fetched;
      await sleep(300);
    }
    const handedOver = served.reduce(
      (sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength,
      0,
    );
    expect(fetched - handedOver).toBeLessThan(MiB);
    let received = 0;
    client.on("data", (bytes: Buffer) => {
      received += bytes.length;
    });
    client.resume();
    await new Promise((resolve) => client.once("close", resolve));
    expect(received).toBeGreaterThan(body.size);
    expect(fetched).toBe(body.size);
  } finally {
    client.destroy();
    gateway().off("connection", seen);
    storage.read = read;
  }
});

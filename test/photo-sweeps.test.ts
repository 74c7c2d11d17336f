// What the sweeps of a running process remove of photos, and what they leave alone.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { newSessionId } from "../lib/ids.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { request, type SignedUp, signUp } from "./support/http.ts";
import { jpeg, setAvatar, upload } from "./support/images.ts";

const STALE_MS = 500;

let veche: Embedded;
let directory: string;
let ann: SignedUp;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-photo-sweeps-"));
  veche = await startEmbedded({ DATA_DIR: directory, STALE_AFTER_MS: String(STALE_MS) });
  ann = await signUp(veche.baseUrl);
});
afterAll(async () => {
  await veche.stop();
  rmSync(directory, { recursive: true, force: true });
});

const files = () =>
  readdirSync(join(directory, "photos"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
const has = (id: string) => files().some((name) => name.startsWith(id));
const fileOf = (id: string, size: string) => join(directory, "photos", id.slice(0, 6), `${id}.${size}`);
const metaOf = ({ userId }: SignedUp) => ({
  meta: { user: { id: userId, sessionId: newSessionId(), role: "user" } },
});

/** Makes a photo as other services do, and then holds it nowhere. */
async function keep(user: SignedUp, kind: string): Promise<string> {
  const { broker } = veche;
  const { upload } = await broker.call<{ upload: string }, object>("v1.photo.beginUpload", {}, metaOf(user));
  await broker.call("v1.photo.writeChunk", { upload, seq: 0, bytes: await jpeg() }, metaOf(user));
  return (await broker.call<{ id: string }, object>("v1.photo.keepUpload", { upload, kind }, metaOf(user)))
    .id;
}

test("an avatar that nobody holds goes, and one that is held stays", async () => {
  const held = String((await setAvatar(veche.baseUrl, ann, await jpeg())).body.id);
  const lost = await keep(ann, "avatar");
  expect(has(lost)).toBe(true);
  await eventually(() => !has(lost));
  expect(has(held)).toBe(true);
});

test("no photo is kept of an account that is gone", async () => {
  const gone = { ...ann, userId: "0000000000000007" } as SignedUp;
  const before = files().length;
  await expect(keep(gone, "gallery")).rejects.toMatchObject({ type: "NOT_FOUND" });
  await eventually(() => files().length === before);
});

test("bytes without a document and a document without bytes go, but not while the storage has another mark", async () => {
  const image = await jpeg();
  const [mine, other] = [
    (await upload<{ id: string }>(veche.baseUrl, ann, image)).body.id,
    (await upload<{ id: string }>(veche.baseUrl, ann, image)).body.id,
  ];
  const mark = join(directory, "photos", "mark");
  const right = readFileSync(mark, "utf8");
  writeFileSync(mark, "another");
  rmSync(fileOf(mine, "full"));
  const orphan = "0000000000000042";
  mkdirSync(join(directory, "photos", orphan.slice(0, 6)));
  writeFileSync(fileOf(orphan, "thumb"), "bytes");
  utimesSync(fileOf(orphan, "thumb"), 1, 1);
  // Several sweeps, which look at nothing.
  await sleep(4 * STALE_MS);
  expect([has(mine), has(orphan)]).toEqual([true, true]);
  writeFileSync(mark, right);
  await eventually(() => !has(mine) && !has(orphan));
  expect(has(other)).toBe(true);
  const token = ann.accessToken;
  expect((await request(veche.baseUrl, "GET", `/v1/photos/${mine}`, { token })).status).toBe(404);
});

test("what a crash left of uploads goes", async () => {
  const left = join(directory, "photos", "uploads", "00000000-0000-4000-8000-000000000000");
  for (const name of [left, `${left}.full`]) {
    writeFileSync(name, "bytes");
    utimesSync(name, 1, 1);
  }
  await eventually(() => !has("00000000-0000"));
});

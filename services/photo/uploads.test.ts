import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { UserId } from "../../lib/ids.ts";
import { jpeg } from "../../test/support/images.ts";
import { Uploads } from "./uploads.ts";

const [ANN, EVE] = ["0000000000000001", "0000000000000002"] as [UserId, UserId];
const LIMITS = { maxBytes: 1e7, maxPixels: 5e7, idle: 60_000 };

let directory: string;
let uploads: Uploads;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "veche-uploads-"));
  warnings = [];
  uploads = new Uploads(directory, LIMITS, (message) => warnings.push(message));
});
afterEach(async () => {
  await uploads.close();
  rmSync(directory, { recursive: true, force: true });
});

const begun = async (owners: UserId[]) => {
  const all = await Promise.allSettled(owners.map((owner) => uploads.begin(owner)));
  const refused = all.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  for (const error of refused) expect(error).toMatchObject({ type: "RESOURCE_EXHAUSTED" });
  return all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
};

test("8 of a user and 64 in all are under way, also when they come at once", async () => {
  expect(await begun(Array.from({ length: 100 }, () => ANN))).toHaveLength(8);
  expect(await begun(Array.from({ length: 100 }, (_, i) => String(i) as UserId))).toHaveLength(56);
  expect(readdirSync(directory)).toHaveLength(64);
});

test("one that is being decoded counts until it is discarded", async () => {
  const [first = ""] = await begun(Array.from({ length: 8 }, () => ANN));
  await uploads.write(first, ANN, 0, await jpeg());
  await uploads.take(first, ANN);
  expect(await begun([ANN])).toEqual([]);
  await uploads.discard(first);
  expect(await begun([ANN, EVE])).toHaveLength(2);
});

test("one that is aborted while it is being decoded tells so, and keeps its file until then", async () => {
  const id = await uploads.begin(ANN);
  await uploads.write(id, ANN, 0, await jpeg());
  const { path, gone } = await uploads.take(id, ANN);
  await uploads.abort(id, EVE);
  expect(gone.aborted).toBe(false);
  await uploads.abort(id, ANN);
  expect([gone.aborted, existsSync(path)]).toEqual([true, true]);
  await uploads.discard(id);
  expect(readdirSync(directory)).toEqual([]);
});

test("a chunk that comes again while it is being written does not overtake itself", async () => {
  const image = await jpeg(200, 200);
  const id = await uploads.begin(ANN);
  const first = uploads.write(id, ANN, 0, image.subarray(0, 4_000));
  await uploads.write(id, ANN, 0, image.subarray(0, 4_000));
  await Promise.all([first, uploads.write(id, ANN, 1, image.subarray(4_000))]);
  const { path } = await uploads.take(id, ANN);
  expect(readFileSync(path).equals(image)).toBe(true);
});

test("a disk that is full is not the image's fault, and nothing is left", async () => {
  const id = await uploads.begin(ANN);
  const probe = await open(join(directory, "probe"), "w");
  const prototype = Object.getPrototypeOf(probe);
  await probe.close();
  const { write } = prototype;
  prototype.write = () =>
    Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }));
  try {
    await expect(uploads.write(id, ANN, 0, await jpeg())).rejects.toMatchObject({ type: "UNAVAILABLE" });
  } finally {
    prototype.write = write;
  }
  expect([readdirSync(directory), warnings.length]).toEqual([["probe"], 1]);
});

test("nor is a directory that can't be written to", async () => {
  writeFileSync(join(directory, "file"), "");
  const nowhere = new Uploads(join(directory, "file"), LIMITS, (message) => warnings.push(message));
  await expect(nowhere.begin(ANN)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  expect(warnings.join()).toContain("EEXIST");
});

test("the sweep removes what a crash left, and nothing that is under way", async () => {
  const id = await uploads.begin(ANN);
  await uploads.write(id, ANN, 0, await jpeg());
  await uploads.take(id, ANN);
  writeFileSync(join(directory, "00000000-0000-4000-8000-000000000000.full"), "left");
  await uploads.sweep(Date.now() - 60_000);
  expect(readdirSync(directory)).toHaveLength(2);
  await uploads.sweep(Date.now() + 60_000);
  expect(readdirSync(directory)).toEqual([id]);
});

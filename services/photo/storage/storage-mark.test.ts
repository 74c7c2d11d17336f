// A database and a storage find each other once, and never take another for their own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { PhotoId } from "../../../lib/ids.ts";
import { type OpenCollection, openCollection } from "../../../mixins/collection/collection.ts";
import { photoCollections, type StorageMark } from "../photo.store.ts";
import { FileStorage } from "./file-storage.ts";
import { Belonging } from "./storage-mark.ts";

const ID = "0000000000000042" as PhotoId;

let directory: string;
let open: OpenCollection<StorageMark>[];
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "veche-mark-"));
  open = [];
  warnings = [];
});
afterEach(async () => {
  for (const marks of open) await marks.close();
  rmSync(directory, { recursive: true, force: true });
});

const database = async () => {
  const marks = await openCollection<StorageMark>(photoCollections.marks, { checkQueries: true }, console);
  open.push(marks);
  return marks;
};
const storage = (name: string) => new FileStorage(join(directory, name), false);
const belonging = (marks: OpenCollection<StorageMark>, where: FileStorage) =>
  new Belonging(marks, where, (message) => warnings.push(message));
const putPhoto = async (where: FileStorage) => {
  const file = join(directory, "file");
  writeFileSync(file, "bytes");
  await where.put(ID, "full", file);
};

test("a new database and an empty storage belong together from then on, for every process at once", async () => {
  const marks = await database();
  const all = Array.from({ length: 8 }, () => belonging(marks, storage("a")));
  for (const each of await Promise.all(all.map((one) => one.holds()))) expect(each).toBe(true);
  await putPhoto(storage("a"));
  expect(await belonging(marks, storage("a")).holds()).toBe(true);
  expect(await marks.findById("storage")).toEqual({ _id: "storage", mark: expect.any(String) });
});

test("a database that knows nothing of a storage in use does not take it, with a mark or without", async () => {
  await belonging(await database(), storage("marked")).holds();
  expect(await belonging(await database(), storage("marked")).holds()).toBe(false);
  await putPhoto(storage("unmarked"));
  const stranger = belonging(await database(), storage("unmarked"));
  expect(await stranger.holds()).toBe(false);
  await expect(stranger.mustHold()).rejects.toMatchObject({ type: "UNAVAILABLE" });
});

test("a database that has a storage takes no other, though it is empty; and says so once", async () => {
  const marks = await database();
  await belonging(marks, storage("a")).mustHold();
  const wrong = belonging(marks, storage("not mounted"));
  for (let i = 0; i < 3; i += 1) expect(await wrong.holds()).toBe(false);
  expect(warnings).toHaveLength(1);
  expect(await belonging(marks, storage("a")).holds()).toBe(true);
});

test("a mark that was copied makes a storage that of the database", async () => {
  const marks = await database();
  await belonging(marks, storage("a")).holds();
  mkdirSync(join(directory, "b"));
  writeFileSync(join(directory, "b", "mark"), `${readFileSync(join(directory, "a", "mark"), "utf8")}\n`);
  await putPhoto(storage("b"));
  expect(await belonging(marks, storage("b")).holds()).toBe(true);
});

test("of two databases that begin with the same storage one gets it", async () => {
  const both = [await database(), await database()];
  const held = await Promise.all(both.map((marks) => belonging(marks, storage("a")).holds()));
  expect(held.sort()).toEqual([false, true]);
});

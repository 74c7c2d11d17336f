/** What is read of NeDB's files, and which of them are written anew. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type Thing, things } from "../../test/support/things.ts";
import type { Logger } from "./collection.ts";
import { EmbeddedCollection } from "./embedded.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "collection-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

const open = (name: string, logger = silent) =>
  EmbeddedCollection.open(things(name), { dataDir, checkQueries: true }, logger);
const idsOf = async (collection: EmbeddedCollection<Thing>) =>
  (await collection.page({ prefix: "", limit: 100 })).map(({ _id }) => _id);
const thing: Thing = { _id: "t2", owner: "o", rank: 2 };
const fileOf = (name: string) => join(dataDir, `${name}.db`);

test("a last line cut off by a crash is left out, and what follows is kept", async () => {
  await writeFile(fileOf("torn"), '{"_id":"a","owner":"o","rank":1}\n{"_id":"b","owner":"o","ra');
  const warn = jest.fn();
  const collection = await open("torn", { ...silent, warn });
  expect(warn).toHaveBeenCalledTimes(1);
  await collection.insert(thing);
  await collection.close();
  const again = await open("torn");
  expect(await idsOf(again)).toEqual(["a", "t2"]);
  await again.close();
});

test("a last line that lacks but its end is kept, and so is what follows", async () => {
  await writeFile(fileOf("unended"), '{"_id":"a","owner":"o","rank":1}');
  const collection = await open("unended");
  await collection.insert(thing);
  await collection.close();
  const again = await open("unended");
  expect(await idsOf(again)).toEqual(["a", "t2"]);
  await again.close();
});

test("what was replaced or deleted is not in the file any more after the next start, and other files are left as they are", async () => {
  const line = (rank: number) => `{"_id":"a","owner":"o","rank":${rank}}\n`;
  const deleted = '{"_id":"b","owner":"o","rank":9}\n{"_id":"b","$$deleted":true}\n';
  await writeFile(fileOf("grown"), line(1) + deleted + line(2));
  await (await open("grown")).close();
  expect(await readFile(fileOf("grown"), "utf8")).toBe(line(2));
  const { ino } = await stat(fileOf("grown"));
  await (await open("grown")).close();
  expect((await stat(fileOf("grown"))).ino).toBe(ino);
});

test("what a broken-off compaction left is removed, and never taken for the file", async () => {
  const left = `${fileOf("broken")}~`;
  await writeFile(left, '{"_id":"a","owner":"o","rank":1}\n{"_id":"b","ow');
  const collection = await open("broken");
  expect(await idsOf(collection)).toEqual([]);
  await collection.close();
  await expect(stat(left)).rejects.toThrow("ENOENT");
});

test("one torn line and nothing else opens as an empty collection", async () => {
  await writeFile(fileOf("torn"), '{"_id":"a"');
  const collection = await open("torn");
  expect(await idsOf(collection)).toEqual([]);
  await collection.close();
});

test.each([
  ["cut short", '{"_id":"b","own'],
  ["no document", '{"rank":1}'],
  ["overwritten", "\0\0\0\0"],
])("a line in the middle that is %s is refused, and the file left as it is", async (_how, line) => {
  const before = `{"_id":"a","owner":"o","rank":1}\n${line}\n{"_id":"c","owner":"o","rank":3}\n`;
  await writeFile(fileOf("bad"), before);
  await expect(open("bad")).rejects.toThrow(/bad\.db is damaged: line 2 .*backup/);
  expect(await readFile(fileOf("bad"), "utf8")).toBe(before);
});

test("a unique index that the documents break is refused by name", async () => {
  await writeFile(fileOf("twins"), '{"_id":"a","owner":"o","rank":1}\n{"_id":"b","owner":"o","rank":1}\n');
  await expect(open("twins")).rejects.toThrow('"twins" breaks its unique index owner_rank: see a and b');
});

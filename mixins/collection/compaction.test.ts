/** The file of an embedded collection is written anew while the collection goes on. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { hasCode } from "../../lib/errors.ts";
import { type Thing, things } from "../../test/support/things.ts";
import type { Logger } from "./collection.ts";
import { EmbeddedCollection } from "./embedded.ts";
import { Rewrite } from "./rewrite.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let dataDir: string;
let collection: EmbeddedCollection<Thing>;
const open = () => EmbeddedCollection.open(things("compact"), { dataDir }, silent);
const file = () => join(dataDir, "compact.db");
const thing = (rank: number, note?: string): Thing => ({ _id: `t${rank}`, owner: "o", rank, note });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "compaction-"));
  collection = await open();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await collection.close();
  await rm(dataDir, { recursive: true });
});

/** As the file has it. */
async function reopened(): Promise<EmbeddedCollection<Thing>> {
  await collection.close();
  collection = await open();
  return collection;
}

test("what is written, changed and removed meanwhile is in the new file, and nothing waits for it", async () => {
  await collection.insertMany(Array.from({ length: 5_000 }, (_, i) => thing(i)));
  for (let i = 0; i < 100; i++) await collection.updateOne({ _id: "t0" }, { $set: { note: `${i}` } });
  let over = false;
  const compacted = collection.compact().finally(() => {
    over = true;
  });
  let made = 0;
  for (; !over; made++) {
    await collection.insert(thing(10_000 + made));
    await collection.updateOne({ _id: `t${made}` }, { $set: { note: "changed" } });
    await collection.deleteOne({ _id: `t${4_999 - made}` });
    await turn();
  }
  await compacted;
  expect(made).toBeGreaterThan(5);
  const lines = (await readFile(file(), "utf8")).trimEnd().split("\n");
  expect(lines.length).toBeLessThan(5_100 + 3 * made);
  const again = await reopened();
  expect(await again.count({ owner: "o" })).toBe(5_000);
  for (let i = 0; i < made; i++) {
    expect(await again.findById(`t${10_000 + i}`)).not.toBeNull();
    expect((await again.findById(`t${i}`))?.note).toBe("changed");
    expect(await again.findById(`t${4_999 - i}`)).toBeNull();
  }
});

test("one that fails leaves the file as it was, and the next one is made", async () => {
  await collection.insertMany(Array.from({ length: 500 }, (_, i) => thing(i, "x".repeat(100))));
  await collection.deleteMany({ owner: "o", rank: { $gte: 10 } });
  jest.spyOn(Rewrite.prototype, "finish").mockRejectedValueOnce(new Error("the disk is full"));
  await expect(collection.compact()).rejects.toThrow("full");
  expect(existsSync(`${file()}~`)).toBe(false);
  const { size } = await stat(file());
  await collection.insert(thing(1_000));
  expect((await stat(file())).size).toBeGreaterThan(size);
  await collection.compact();
  expect((await stat(file())).size).toBeLessThan(size / 2);
  expect(await (await reopened()).count({ owner: "o" })).toBe(11);
});

test("closing ends one that is under way, and leaves nothing of it", async () => {
  await collection.insertMany(Array.from({ length: 5_000 }, (_, i) => thing(i)));
  const compacted = collection.compact().catch((error: unknown) => error);
  await turn();
  await collection.close();
  expect(hasCode(await compacted, "UNAVAILABLE")).toBe(true);
  expect(existsSync(`${file()}~`)).toBe(false);
  collection = await open();
  expect(await collection.count({ owner: "o" })).toBe(5_000);
});

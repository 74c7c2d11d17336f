/** Collections on NeDB: what all databases promise, and what a page costs. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { collectionSuite } from "../../test/support/collection-suite.ts";
import { type Thing, things } from "../../test/support/things.ts";
import { defineCollection, type Logger, openCollection } from "./collection.ts";
import { EmbeddedCollection } from "./embedded.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "collection-"));
});
afterAll(() => rm(dataDir, { recursive: true }));

collectionSuite("NeDB in memory", (definition) => openCollection(definition, { checkQueries: true }, silent));
collectionSuite("NeDB in files", (definition) =>
  openCollection(definition, { dataDir, checkQueries: true }, silent),
);
collectionSuite("NeDB in files, synced to the disk", (definition) =>
  openCollection(definition, { dataDir: join(dataDir, "synced"), fsync: true, checkQueries: true }, silent),
);

describe("what reading costs on NeDB", () => {
  const LISTS = 20;
  const LENGTH = 1000;
  let collection: EmbeddedCollection<Thing>;

  beforeAll(async () => {
    collection = await EmbeddedCollection.open(things("cost"), { checkQueries: true }, silent);
    for (let list = 0; list < LISTS; list++) {
      await collection.insertMany(
        Array.from({ length: LENGTH }, (_, i) => ({
          _id: `l${list}.${String(i).padStart(4, "0")}`,
          owner: `l${list}`,
          rank: i,
          email: `same${list}`,
          key: `l${list}/${String(i).padStart(4, "0")}`,
          ...(i === 0 ? { state: "open" as const } : {}),
        })),
      );
    }
  });
  afterAll(() => collection.close());

  /** Nodes of the index that a page of 20 may touch: the way down the tree and back, and the page. */
  const PAGE = 20 + 2 * Math.ceil(1.45 * Math.log2(LISTS * LENGTH)) + 2;

  async function touched(read: () => Promise<unknown>): Promise<number> {
    const before = collection.effort.touched;
    await read();
    return collection.effort.touched - before;
  }

  test.each([
    ["the first page", () => collection.page({ prefix: "l7.", limit: 20 })],
    ["the last page, backwards", () => collection.page({ prefix: "l7.", order: "desc", limit: 20 })],
    ["a page in the middle", () => collection.page({ prefix: "l7.", after: "l7.0500", limit: 20 })],
    [
      "a page of another index",
      () => collection.page({ index: "key", prefix: "l7/", after: "l7/0500", limit: 20 }),
    ],
    ["sort and limit", () => collection.find({ owner: "l7" }, { sort: { rank: -1 }, limit: 20 })],
    [
      "range, sort and limit",
      () => collection.find({ owner: "l7", rank: { $gt: 500 } }, { sort: { rank: 1 }, limit: 20 }),
    ],
    ["an open range", () => collection.find({ owner: "l7", rank: { $lt: 20 } }, { limit: 100 })],
  ])("%s costs a page, not the list", async (_what, read) => {
    expect((await read()).length).toBe(20);
    expect(await touched(read)).toBeLessThanOrEqual(PAGE);
  });

  test("lists merged in one order cost a step each, and a page", async () => {
    const owners = Array.from({ length: LISTS }, (_, i) => `l${i}`);
    const read = () =>
      collection.find(
        { owner: { $in: owners }, rank: { $lt: 500 } },
        { sort: { rank: -1 }, limit: 20, omit: ["key"] },
      );
    expect((await read()).map(({ rank, key }) => [rank, key])).toEqual(
      Array.from({ length: 20 }, () => [499, undefined]),
    );
    expect(await touched(read)).toBeLessThanOrEqual(LISTS * PAGE);
  });

  test("what few documents have is found among the few", async () => {
    expect(await touched(() => collection.find({ state: "open" }, { limit: 100 }))).toBeLessThan(60);
  });

  test("a compare-and-set by _id reads one document, whatever else it asks", async () => {
    const update = () => collection.updateOne({ _id: "l3.0003", email: "same3" }, { $set: { note: "x" } });
    expect(await touched(update)).toBeLessThan(40);
  });

  test("a page reads on past what `where` leaves out", async () => {
    const page = await collection.page({ prefix: "", limit: 2, where: { rank: { $gte: 999 } } });
    expect(page.map(({ _id }) => _id)).toEqual(["l0.0999", "l1.0999"]);
    expect(await collection.page({ prefix: "", limit: 2, where: { note: "none" } })).toEqual([]);
  });
});

test("deletes 200,000 documents, one value of a field in all of them, while others are served", async () => {
  const many = defineCollection<{ _id: string; owner: string }>({
    name: "many",
    indexes: [{ fields: ["owner"] }],
  });
  const collection = await openCollection(many, { checkQueries: true }, silent);
  for (let i = 0; i < 20; i++) {
    await collection.insertMany(Array.from({ length: 10_000 }, (_, j) => ({ _id: `${i}.${j}`, owner: "o" })));
  }
  let over = false;
  let served = 0;
  const deleting = collection.deleteMany({ owner: "o" }).finally(() => {
    over = true;
  });
  while (!over) {
    await collection.findById("1.1");
    served++;
    // Who is served comes by way of the event loop. Nothing is waited for in memory, so that without this it would never turn.
    await setImmediate();
  }
  expect(await deleting).toBe(200_000);
  expect(served).toBeGreaterThan(100);
  expect(await collection.count({ owner: "o" })).toBe(0);
  await collection.close();
});

/** What NeDB's files hold after crashes and failed writes. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { chmod, mkdtemp, open as openFile, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { hasCode } from "../../lib/errors.ts";
import { type Thing, things } from "../../test/support/things.ts";
import { type Logger, openCollection } from "./collection.ts";
import { DataFile } from "./data-file.ts";
import { EmbeddedCollection } from "./embedded.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "collection-"));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(dataDir, { recursive: true });
});

const open = (name: string, more: { fsync?: boolean; logger?: Logger } = {}) =>
  EmbeddedCollection.open(things(name), { dataDir, checkQueries: true, ...more }, more.logger ?? silent);
const thing = (rank: number, note?: string): Thing => ({ _id: `t${rank}`, owner: "o", rank, note });
const fileOf = (name: string) => join(dataDir, `${name}.db`);

const writer = fileURLToPath(new URL("../../test/support/collection-writer.ts", import.meta.url));

/** Kills it once it has acknowledged so many writes. @returns all it has printed */
async function writeAndKill(run: number, acknowledged: number): Promise<string[]> {
  // Into a file: a pipe that is full would hold the writers back.
  const log = await openFile(join(dataDir, `${run}.log`), "w+");
  const child = spawn(process.execPath, [writer, dataDir, String(run)], {
    stdio: ["ignore", log.fd, "inherit"],
  });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const printed = async () => (await readFile(join(dataDir, `${run}.log`), "utf8")).split("\n").slice(0, -1);
  while ((await printed()).length < acknowledged && child.exitCode === null) await wait(10);
  child.kill("SIGKILL");
  await closed;
  await log.close();
  expect(child.signalCode).toBe("SIGKILL");
  return printed();
}

test("nothing acknowledged is missing after kill -9 under 16 writers, and the indexes agree with the documents", async () => {
  const inserted = new Set<string>();
  const deleted = new Set<string>();
  const counts = new Map<string, number>();
  for (let run = 0; run < 4; run++) {
    for (const line of await writeAndKill(run, 2000 + 777 * run)) {
      const [what, id = "", value] = line.split(" ");
      if (what === "insert") inserted.add(id);
      if (what === "count") counts.set(id, Number(value));
      // From here on it may be there or not; once acknowledged it must not.
      if (what === "deleting") inserted.delete(id);
      if (what === "deleted") deleted.add(id);
    }
    const collection = await open("crash");
    const all = await everything(collection);
    for (const id of inserted) expect(all.has(id)).toBe(true);
    for (const id of deleted) expect(all.has(id)).toBe(false);
    for (const [id, count] of counts) {
      // One increment may have been written and not acknowledged.
      const { rank = Number.NaN } = all.get(id) ?? {};
      expect(rank - count === 0 || rank - count === 1).toBe(true);
      counts.set(id, rank);
    }
    await expectIndexesToAgree(collection, all);
    await collection.close();
  }
  expect(inserted.size).toBeGreaterThan(1000);
  expect(deleted.size).toBeGreaterThan(300);
});

async function everything(collection: EmbeddedCollection<Thing>): Promise<Map<string, Thing>> {
  const all = new Map<string, Thing>();
  for (let after: string | undefined; ; ) {
    const page = await collection.page({ prefix: "", after, limit: 1000 });
    for (const document of page) all.set(document._id, document);
    after = page.at(-1)?._id;
    if (page.length < 1000) return all;
  }
}

async function expectIndexesToAgree(collection: EmbeddedCollection<Thing>, all: Map<string, Thing>) {
  const withEmail = [...all.values()].filter(({ email }) => email !== undefined);
  for (const document of all.values()) {
    expect(await collection.findOne({ owner: document.owner, rank: document.rank })).toEqual(document);
    if (document.email) expect(await collection.findOne({ email: document.email })).toEqual(document);
  }
  // And the reverse: an index gives nothing that is not there.
  expect(await collection.count({ email: { $gte: "" } })).toBe(withEmail.length);
  expect(await collection.count({ owner: { $gte: "" } })).toBe(all.size);
  expect(await collection.count({ tags: "all" })).toBe(withEmail.length);
}

test("what is put in is there after a restart: dates, odd ids, line separators, deletions", async () => {
  const documents: Thing[] = [
    { _id: "__proto__", owner: "o", rank: 1, note: "a\u2028b\u2029c\u0085d\re" },
    { _id: "d", owner: "o", rank: 2, at: new Date(0), settings: {}, tags: [], members: [{ id: "$$date" }] },
    { _id: "gone", owner: "o", rank: 3 },
  ];
  const collection = await open("kept");
  await collection.insertMany(documents);
  await collection.deleteOne({ _id: "gone" });
  await collection.updateOne({ _id: "d" }, { $set: { note: "e" } });
  await collection.close();
  // Once from the log of changes, once from what the start wrote anew.
  for (let start = 0; start < 2; start++) {
    const again = await open("kept");
    expect(await again.findById("__proto__")).toEqual(documents[0]);
    expect(await again.findById("d")).toStrictEqual({ ...documents[1], note: "e" });
    expect((await everything(again)).size).toBe(2);
    await again.close();
  }
});

test("the file is its owner's only, and cannot be opened twice", async () => {
  const collection = await open("once");
  expect((await stat(fileOf("once"))).mode & 0o777).toBe(0o600);
  await expect(open("once")).rejects.toThrow("open already");
  await collection.close();
  // As a backup that was copied back may be.
  await chmod(fileOf("once"), 0o644);
  await (await open("once")).close();
  expect((await stat(fileOf("once"))).mode & 0o777).toBe(0o600);
});

test("a write that fails is refused, taken back in memory, and leaves no half line", async () => {
  const collection = await open("full");
  await collection.insert(thing(1));
  jest.spyOn(DataFile.prototype, "append").mockRejectedValueOnce(new Error("ENOSPC"));
  const outcomes = await Promise.allSettled([
    collection.insert(thing(2)),
    collection.updateOne({ _id: "t1" }, { $set: { note: "x", rank: 9 } }),
    collection.deleteOne({ _id: "t1" }),
    // Reads of the same turn would see what is not in the file.
    collection.findById("t2"),
  ]);
  for (const outcome of outcomes) {
    expect(outcome.status === "rejected" && hasCode(outcome.reason, "UNAVAILABLE")).toBe(true);
  }
  expect(await collection.find({ owner: "o" }, { limit: 9 })).toEqual(
    [thing(1)].map(({ note: _, ...rest }) => rest),
  );
  expect(await collection.findOne({ owner: "o", rank: 9 })).toBeNull();
  await collection.insert(thing(2));
  await collection.close();
  const again = await open("full");
  expect([...(await everything(again)).keys()]).toEqual(["t1", "t2"]);
  await again.close();
});

test.each([
  ["with fsync", true],
  ["without fsync", false],
])(
  "a disk that fills up in the middle of a line: the part that was written goes, %s",
  async (_how, fsync) => {
    const collection = await open("part", { fsync });
    await collection.insert(thing(1));
    const whole = await readFile(fileOf("part"), "utf8");
    const handle = await openFile(fileOf("part"), "a");
    jest.spyOn(Object.getPrototypeOf(handle), "appendFile").mockImplementationOnce(async () => {
      await handle.write('{"_id":"t2","own');
      throw new Error("ENOSPC");
    });
    const { writeSync } = fs;
    jest.spyOn(fs, "writeSync").mockImplementationOnce((fd, bytes) => {
      if (typeof bytes !== "string") writeSync(fd, bytes, 0, 5);
      throw new Error("ENOSPC");
    });
    await expect(collection.insert(thing(2))).rejects.toThrow();
    jest.restoreAllMocks();
    await handle.close();
    expect(await readFile(fileOf("part"), "utf8")).toBe(whole);
    await collection.insert(thing(3));
    await collection.close();
    const again = await open("part");
    expect([...(await everything(again)).keys()]).toEqual(["t1", "t3"]);
    await again.close();
  },
);

test("after a sync that failed nothing is written any more", async () => {
  const collection = await open("broken", { fsync: true });
  const { BrokenFile } = await import("./data-file.ts");
  jest.spyOn(DataFile.prototype, "append").mockRejectedValueOnce(new BrokenFile("broken.db", "EIO"));
  for (let attempt = 0; attempt < 2; attempt++) {
    const refusal = await collection.insert(thing(attempt)).catch((error: unknown) => error);
    expect(hasCode(refusal, "UNAVAILABLE")).toBe(true);
  }
  await collection.close();
});

test("writes that come together go to the file together; with fsync each of them is on the disk", async () => {
  const append = jest.spyOn(DataFile.prototype, "append");
  const collection = await open("group", { fsync: true });
  await Promise.all(Array.from({ length: 100 }, (_, i) => collection.insert(thing(i))));
  expect(append.mock.calls.length).toBeLessThanOrEqual(3);
  expect((await readFile(fileOf("group"), "utf8")).trim().split("\n")).toHaveLength(100);
  await collection.close();
});

test("compaction takes out what was replaced, while writes go on", async () => {
  const collection = await open("compact");
  await collection.insert(thing(0));
  for (let i = 0; i < 500; i++) await collection.updateOne({ _id: "t0" }, { $set: { note: `${i}` } });
  const grown = (await stat(fileOf("compact"))).size;
  const writes = Array.from({ length: 50 }, (_, i) => collection.insert(thing(i + 1)));
  await Promise.all([collection.compact(), ...writes]);
  expect((await stat(fileOf("compact"))).size).toBeLessThan(grown / 4);
  await collection.insert(thing(100));
  await collection.close();
  const again = await open("compact");
  expect((await everything(again)).size).toBe(52);
  expect((await again.findById("t0"))?.note).toBe("499");
  await again.close();
});

test("a file that has grown is compacted by itself", async () => {
  const realTimers = [
    "setTimeout",
    "setImmediate",
    "nextTick",
    "queueMicrotask",
    "performance",
    "Date",
  ] as const;
  jest.useFakeTimers({ doNotFake: [...realTimers] });
  try {
    const collection = await open("grown");
    for (let i = 0; i < 20; i++) {
      await collection.findOneAndUpdate(
        { _id: "a", owner: "o", rank: 1 },
        { $set: { note: `${i}`.repeat(2 ** 20) } },
        { upsert: true },
      );
    }
    expect((await stat(fileOf("grown"))).size).toBeGreaterThan(16 * 2 ** 20);
    jest.advanceTimersByTime(60_000);
    while ((await stat(fileOf("grown"))).size > 4 * 2 ** 20) await wait(10);
    expect((await collection.findById("a"))?.note).toHaveLength(2 * 2 ** 20);
    await collection.close();
  } finally {
    jest.useRealTimers();
  }
});

test("closing finishes what was asked before, and refuses what comes after", async () => {
  const collection = await openCollection(things("closing"), { dataDir }, silent);
  const writes = Array.from({ length: 600 }, (_, i) => collection.insert(thing(i)));
  await collection.close();
  await Promise.all(writes);
  expect(hasCode(await collection.findById("t1").catch((error: unknown) => error), "UNAVAILABLE")).toBe(true);
});

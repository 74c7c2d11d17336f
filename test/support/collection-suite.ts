/** What a collection promises, whatever database is behind it. Run on each of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type CollectionDefinition,
  type Document,
  DuplicateKey,
  type OpenCollection,
} from "../../mixins/collection/collection.ts";
import { type Thing, things } from "./things.ts";

export type Open = <D extends Document>(definition: CollectionDefinition<D>) => Promise<OpenCollection<D>>;

const thing = (rank: number, more: Partial<Thing> = {}): Thing => ({
  _id: `t${String(rank).padStart(6, "0")}`,
  owner: "olga",
  rank,
  ...more,
});
const ids = (documents: Document[]) => documents.map(({ _id }) => _id);
const ranks = (documents: Thing[]) => documents.map(({ rank }) => rank);
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: unknown) => (error instanceof DuplicateKey ? error.index : String(error)),
  );

export function collectionSuite(name: string, open: Open): void {
  describe(`a collection on ${name}`, () => {
    let collection: OpenCollection<Thing>;

    beforeAll(async () => {
      collection = await open(things("things"));
    });
    beforeEach(async () => {
      await collection.deleteMany({ _id: { $gte: "" } });
    });
    afterAll(() => collection.close());

    reading(() => collection);
    uniqueness(() => collection);
    updating(() => collection);
    racing(() => collection);
    paging(() => collection);
  });
}

function reading(of: () => OpenCollection<Thing>): void {
  test("gives back what was put in: dates, nesting, null and empty objects, without what is undefined", async () => {
    const at = new Date("2025-03-04T05:06:07.089Z");
    const given = thing(1, {
      at,
      note: null,
      settings: {},
      members: [{ id: "a" }],
      email: undefined,
      tags: [],
    });
    const { email: _, ...kept } = given;
    expect(await of().insert(given)).toStrictEqual(kept);
    expect(await of().findById(given._id)).toStrictEqual(kept);
  });

  test("keeps text of any script, and line separators", async () => {
    const note = "вече \u2028 \u2029 \u0085 \r\n \0 👋🏽";
    await of().insert(thing(1, { note }));
    expect((await of().findOne({ _id: "t000001" }))?.note).toBe(note);
  });

  test("keeps ids that are names of JavaScript", async () => {
    const names = ["__proto__", "constructor", "toString"];
    for (const [rank, _id] of names.entries()) await of().insert({ ...thing(rank), _id });
    expect(ids(await of().findByIds(names)).sort()).toEqual([...names].sort());
    expect(await of().findById("hasOwnProperty")).toBeNull();
  });

  test("what it gives is a copy", async () => {
    const given = thing(1, { tags: ["a"] });
    const inserted = await of().insert(given);
    given.tags?.push("b");
    inserted.tags?.push("c");
    (await of().findById(given._id))?.tags?.push("d");
    expect((await of().findById(given._id))?.tags).toEqual(["a"]);
  });

  test("missing documents are null, false, 0 and left out", async () => {
    expect(await of().findById("none")).toBeNull();
    expect(await of().findOne({ email: "none" })).toBeNull();
    expect(await of().findByIds(["none"])).toEqual([]);
    expect(await of().findByIds([])).toEqual([]);
    expect(await of().updateOne({ _id: "none" }, { $set: { note: "x" } })).toBe(false);
    expect(await of().updateMany({ email: "none" }, { $set: { note: "x" } })).toBe(0);
    expect(await of().findOneAndUpdate({ _id: "none" }, { $set: { note: "x" } })).toBeNull();
    expect(await of().deleteOne({ _id: "none" })).toBe(false);
    expect(await of().deleteMany({ owner: "none" })).toBe(0);
    expect(await of().count({ owner: "none" })).toBe(0);
  });

  test("finds by equality, by several values, by range, in the order of an index, up to a limit", async () => {
    await of().insertMany([...times(20, (i) => thing(i)), { ...thing(99), owner: "petr" }]);
    expect(ranks(await of().find({ owner: "olga", rank: { $gte: 5, $lt: 8 } }, { limit: 9 }))).toEqual([
      5, 6, 7,
    ]);
    expect(ranks(await of().find({ owner: "olga", rank: { $gt: 16 } }, { limit: 9 }))).toEqual([17, 18, 19]);
    expect(ranks(await of().find({ owner: "olga" }, { sort: { rank: -1 }, limit: 2 }))).toEqual([19, 18]);
    expect(
      ranks(await of().find({ owner: "olga", rank: { $lte: 9 } }, { sort: { rank: -1 }, limit: 2 })),
    ).toEqual([9, 8]);
    expect(ranks(await of().find({ owner: "olga", rank: { $in: [3, 1, 40] } }, { limit: 9 })).sort()).toEqual(
      [1, 3],
    );
    expect(ids(await of().findByIds(["t000004", "t000002", "none"])).sort()).toEqual(["t000002", "t000004"]);
    expect(await of().count({ owner: "olga" })).toBe(20);
    expect(await of().findOne({ owner: "petr", rank: 99 })).toMatchObject({ _id: "t000099" });
  });

  test("finds by dates, and by an element of an array, also of an array of subdocuments", async () => {
    const day = (n: number) => new Date(Date.UTC(2025, 0, n));
    await of().insertMany(
      times(5, (i) =>
        thing(i, {
          state: "open",
          at: day(i + 1),
          tags: ["all", `tag${i}`],
          members: [{ id: `m${i}` }, { id: "m9" }],
        }),
      ),
    );
    const late = await of().find({ state: "open", at: { $gte: day(4) } }, { sort: { at: -1 }, limit: 9 });
    expect(ranks(late)).toEqual([4, 3]);
    expect(ranks(await of().find({ tags: "tag3" }, { limit: 9 }))).toEqual([3]);
    expect(await of().count({ tags: "all" })).toBe(5);
    expect(ranks(await of().find({ tags: { $in: ["tag1", "tag2", "all"] } }, { limit: 9 })).sort()).toEqual([
      0, 1, 2, 3, 4,
    ]);
    expect(ranks(await of().find({ "members.id": "m2" }, { limit: 9 }))).toEqual([2]);
    expect(await of().count({ "members.id": "m9" })).toBe(5);
  });

  test("null matches what is null or absent; $ne and $exists are as in MongoDB", async () => {
    await of().insertMany([thing(0), thing(1, { note: null }), thing(2, { note: "x", tags: ["a", "b"] })]);
    const matching = async (condition: object) => {
      const all = await Promise.all(times(3, (i) => of().findOne({ _id: `t00000${i}`, ...condition })));
      return all.flatMap((found) => (found ? [found.rank] : []));
    };
    expect(await matching({ note: null })).toEqual([0, 1]);
    expect(await matching({ note: { $ne: null } })).toEqual([2]);
    expect(await matching({ note: { $ne: "x" } })).toEqual([0, 1]);
    expect(await matching({ note: { $in: [null, "y"] } })).toEqual([0, 1]);
    expect(await matching({ note: { $exists: true } })).toEqual([1, 2]);
    expect(await matching({ note: { $exists: false } })).toEqual([0]);
    expect(await matching({ tags: { $ne: "a" } })).toEqual([0, 1]);
    expect(await matching({ note: { $gte: "" } })).toEqual([2]);
    expect(await matching({ note: { $lt: "z" } })).toEqual([2]);
  });

  test("deletes one, and very many", async () => {
    for (let i = 0; i < 5; i++) await of().insertMany(times(700, (j) => thing(i * 700 + j)));
    expect(await of().deleteOne({ owner: "olga", rank: 7 })).toBe(true);
    expect(await of().findById("t000007")).toBeNull();
    expect(await of().deleteMany({ owner: "olga", rank: { $gte: 10 } })).toBe(3490);
    expect(await of().count({ owner: "olga" })).toBe(9);
  });
}

function uniqueness(of: () => OpenCollection<Thing>): void {
  test("a duplicate names the index that refused it", async () => {
    await of().insert(thing(1));
    expect(await outcome(of().insert({ ...thing(2), _id: "t000001" }))).toBe("_id");
    expect(await outcome(of().insert({ ...thing(1), _id: "other" }))).toBe("owner_rank");
    await of().insert(thing(2));
    expect(await outcome(of().updateOne({ _id: "t000002" }, { $set: { rank: 1 } }))).toBe("owner_rank");
    expect(await outcome(of().findOneAndUpdate({ _id: "t000002" }, { $inc: { rank: -1 } }))).toBe(
      "owner_rank",
    );
    expect(await of().findById("t000002")).toMatchObject({ rank: 2 });
    expect(await of().findById("other")).toBeNull();
  });

  test("a key is free again after its document moved or went", async () => {
    await of().insertMany([thing(1), thing(2)]);
    await of().updateOne({ _id: "t000001" }, { $set: { rank: 10 } });
    await of().deleteOne({ _id: "t000002" });
    expect(
      await of().insertMany([
        { ...thing(1), _id: "a" },
        { ...thing(2), _id: "b" },
      ]),
    ).toEqual({ inserted: 2 });
  });

  test("a bulk insert stops at the first refusal and keeps what came before", async () => {
    await of().insert(thing(3));
    const { inserted, duplicate } = await of().insertMany(times(8, (i) => thing(i)));
    expect([inserted, duplicate?.index]).toEqual([3, "_id"]);
    expect(ranks(await of().find({ owner: "olga" }, { sort: { rank: 1 }, limit: 9 }))).toEqual([0, 1, 2, 3]);
    const again = await of().insertMany([thing(20), { ...thing(20), _id: "twin" }, thing(21)]);
    expect([again.inserted, again.duplicate?.index]).toEqual([1, "owner_rank"]);
    expect(await of().insertMany([])).toEqual({ inserted: 0 });
  });
}

function updating(of: () => OpenCollection<Thing>): void {
  test("each operator changes what it says, and nothing else", async () => {
    await of().insert(thing(1, { note: "x", tags: ["a"], settings: { theme: "dark" } }));
    const update = (change: Parameters<OpenCollection<Thing>["findOneAndUpdate"]>[1]) =>
      of().findOneAndUpdate({ _id: "t000001" }, change);
    expect(await update({ $set: { "settings.limits.day": 5, email: undefined } })).toMatchObject({
      settings: { theme: "dark", limits: { day: 5 } },
    });
    expect(await update({ $unset: { note: true, "settings.limits": true } })).toStrictEqual(
      thing(1, { tags: ["a"], settings: { theme: "dark" } }),
    );
    expect(await update({ $inc: { rank: 5, "settings.limits.day": -1 } })).toMatchObject({
      rank: 6,
      settings: { limits: { day: -1 } },
    });
    expect(await update({ $max: { rank: 4, at: new Date(5) } })).toMatchObject({ rank: 6, at: new Date(5) });
    expect(await update({ $max: { at: new Date(3) }, $min: { rank: 2 } })).toMatchObject({
      rank: 2,
      at: new Date(5),
    });
    expect(await update({ $push: { tags: "b" } })).toMatchObject({ tags: ["a", "b"] });
    expect(await update({ $push: { tags: { $each: ["b", "c"] } } })).toMatchObject({
      tags: ["a", "b", "b", "c"],
    });
    expect(await update({ $pull: { tags: "b" } })).toMatchObject({ tags: ["a", "c"] });
    expect(await update({ $addToSet: { tags: { $each: ["c", "d"] } } })).toMatchObject({
      tags: ["a", "c", "d"],
    });
    expect(await update({ $addToSet: { members: { id: "m", role: "x" } } })).toMatchObject({
      members: [{ id: "m", role: "x" }],
    });
    expect(await update({ $addToSet: { members: { id: "n", role: "x" } } })).toHaveProperty(
      "members.length",
      2,
    );
    expect(await update({ $pull: { members: { id: "m" } } })).toMatchObject({
      members: [{ id: "n", role: "x" }],
    });
    expect(await update({ $pull: { "settings.none": "x" } })).not.toHaveProperty("settings.none");
    // Nothing left of it: answers as a read would.
    expect(await update({ $set: { email: undefined } })).toMatchObject({ rank: 2 });
    expect(await of().findOne({ "members.id": "m" })).toBeNull();
    expect(await of().findOne({ "members.id": "n" })).toMatchObject({ _id: "t000001" });
  });

  test("an update of many counts all that match", async () => {
    await of().insertMany(times(10, (i) => thing(i, { state: i < 4 ? "open" : "closed" })));
    expect(await of().updateMany({ state: "open" }, { $set: { state: "closed" } })).toBe(4);
    expect(await of().count({ state: "closed" })).toBe(10);
    expect(await of().updateOne({ _id: "t000001" }, { $set: { state: "closed" } })).toBe(true);
  });

  test("an upsert makes the document of the filter and the update", async () => {
    const upsert = () =>
      of().findOneAndUpdate({ _id: "n", owner: "o", rank: 1 }, { $set: { note: "x" } }, { upsert: true });
    expect(await upsert()).toStrictEqual({ _id: "n", owner: "o", rank: 1, note: "x" });
    expect(await upsert()).toStrictEqual({ _id: "n", owner: "o", rank: 1, note: "x" });
    const other = of().findOneAndUpdate({ _id: "n", rank: 2 }, { $set: { note: "y" } }, { upsert: true });
    expect(await outcome(other)).toBe("_id");
    await of().findOneAndUpdate({ _id: "bare", owner: "o", rank: 9 }, {}, { upsert: true });
    expect(await of().findById("bare")).toStrictEqual({ _id: "bare", owner: "o", rank: 9 });
  });

  test("refuses what would match or change something else on one of the databases", async () => {
    const missing = undefined as unknown as string;
    await expect(of().deleteMany({ owner: missing })).rejects.toThrow("cannot compare owner with undefined");
    await expect(of().findOne({ tags: ["a"] as unknown as string })).rejects.toThrow("cannot compare tags");
    await expect(of().findOne({ $or: [] } as never)).rejects.toThrow('"$or"');
    await expect(of().updateOne({ _id: "a" }, { $rename: { a: "b" } } as never)).rejects.toThrow("$rename");
    await expect(of().updateOne({ _id: "a" }, { $set: { _id: "b" } } as never)).rejects.toThrow("_id");
    await expect(of().updateOne({ _id: "a" }, { $set: { rank: 1 }, $inc: { rank: 1 } })).rejects.toThrow(
      "twice",
    );
    await expect(of().insert({ ...thing(1), "a.b": 1 } as never)).rejects.toThrow('"a.b"');
    await expect(of().insert({ ...thing(1), rank: Number.NaN })).rejects.toThrow("NaN");
    await expect(of().insert({ ...thing(1), _id: "" })).rejects.toThrow("_id");
    await expect(of().find({ owner: "x" }, { limit: 0 })).rejects.toThrow("limit");
    await expect(of().findByIds(times(1001, String))).rejects.toThrow("1000");
  });

  test("refuses what no index serves", async () => {
    await expect(of().find({ note: "x" }, { limit: 1 })).rejects.toThrow(
      'no index of the collection "things"',
    );
    await expect(of().updateMany({ owner: "o", note: "x" }, { $set: { note: "y" } })).rejects.toThrow(
      "no index",
    );
    await expect(of().page({ index: "note", prefix: "", limit: 1 })).rejects.toThrow("note");
  });
}

function racing(of: () => OpenCollection<Thing>): void {
  test("100 concurrent increments all count, each seeing its own", async () => {
    await of().insert(thing(0));
    const seen = await Promise.all(
      times(100, () => of().findOneAndUpdate({ _id: "t000000" }, { $inc: { rank: 1 } })),
    );
    expect(seen.map((found) => found?.rank ?? 0).sort((a, b) => a - b)).toEqual(times(100, (i) => i + 1));
  });

  test("of 100 concurrent compare-and-sets one wins", async () => {
    await of().insert(thing(0, { state: "open" }));
    const won = await Promise.all(
      times(100, (i) =>
        of().updateOne({ _id: "t000000", state: "open" }, { $set: { state: "closed", note: `${i}` } }),
      ),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await of().findById("t000000"))?.note).toBe(String(won.indexOf(true)));
  });

  test("of 100 concurrent inserts of one compound key one wins", async () => {
    const outcomes = await Promise.all(
      times(100, (i) => outcome(of().insert({ ...thing(5), _id: `w${i}` }))),
    );
    expect(outcomes.toSorted()).toEqual(["ok", ...times(99, () => "owner_rank")].toSorted());
    expect(await of().count({ owner: "olga", rank: 5 })).toBe(1);
  });

  test("100 concurrent upserts of one document make one", async () => {
    await Promise.all(
      times(100, () =>
        of().findOneAndUpdate({ _id: "u", owner: "o" }, { $inc: { rank: 1 } }, { upsert: true }),
      ),
    );
    expect(await of().findById("u")).toStrictEqual({ _id: "u", owner: "o", rank: 100 });
  });
}

function paging(of: () => OpenCollection<Thing>): void {
  test("pages both ways through one prefix, and no further", async () => {
    await of().insertMany(
      ["a", "b", "b\u{1F600}", "c"].flatMap((list, l) =>
        times(5, (i) => ({ ...thing(l * 10 + i), _id: `${list}.${i}`, key: `${list}/${9 - i}` })),
      ),
    );
    const page = async (query: object) => ids(await of().page({ prefix: "b.", limit: 2, ...query }));
    expect(await page({})).toEqual(["b.0", "b.1"]);
    expect(await page({ after: "b.1" })).toEqual(["b.2", "b.3"]);
    expect(await page({ after: "b.3" })).toEqual(["b.4"]);
    expect(await page({ after: "b.4" })).toEqual([]);
    expect(await page({ order: "desc" })).toEqual(["b.4", "b.3"]);
    expect(await page({ order: "desc", after: "b.1" })).toEqual(["b.0"]);
    expect(await page({ order: "desc", after: "c.9" })).toEqual(["b.4", "b.3"]);
    expect(await page({ after: "a" })).toEqual(["b.0", "b.1"]);
    expect(await page({ after: "b.0", before: "b.2" })).toEqual(["b.1"]);
    expect(await page({ order: "desc", after: "b.3", before: "b.1" })).toEqual(["b.2"]);
    expect(await page({ prefix: "b", limit: 99 })).toHaveLength(10);
    expect(await page({ prefix: "", limit: 99 })).toHaveLength(20);
    expect(await page({ index: "key", prefix: "b/", limit: 3 })).toEqual(["b.4", "b.3", "b.2"]);
    expect(await page({ limit: 3, where: { owner: "olga", rank: { $ne: 11 } } })).toEqual([
      "b.0",
      "b.2",
      "b.3",
    ]);
  });
}

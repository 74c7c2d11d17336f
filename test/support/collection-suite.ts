/** What a collection promises, whatever database is behind it. Run on each of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { CollectionDefinition, Document, OpenCollection } from "../../mixins/collection/collection.ts";
import { racing, uniqueness, updating } from "./collection-suite-writing.ts";
import { ids, ranks, type Thing, thing, things, times } from "./things.ts";

export type Open = <D extends Document>(definition: CollectionDefinition<D>) => Promise<OpenCollection<D>>;

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
    (await of().findOneAndUpdate({ _id: given._id }, { $set: { note: "x" } }))?.tags?.push("e");
    (await of().find({ owner: "olga" }, { limit: 1 }))[0]?.tags?.push("f");
    (await of().page({ prefix: "t", limit: 1 }))[0]?.tags?.push("g");
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

  test("a sort by a field that some lack has those first", async () => {
    await of().insertMany([thing(1, { key: "b" }), thing(2), thing(3, { key: "a" })]);
    expect(ranks(await of().find({}, { sort: { key: 1 }, limit: 9 }))).toEqual([2, 3, 1]);
    expect(ranks(await of().find({ key: { $gt: "" } }, { sort: { key: -1 }, limit: 9 }))).toEqual([1, 3]);
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

  test("finds by several values in one order: each document once, up to a limit, from a bound on", async () => {
    const tags = (i: number) => ["all", `of2-${i % 2}`, `of3-${i % 3}`];
    await of().insertMany(times(30, (i) => thing(i, { tags: tags(i), owner: `o${i % 3}` })));
    const tagged = async ($in: string[], bound: object, way: 1 | -1, limit: number) =>
      ranks(await of().find({ tags: { $in }, _id: bound }, { sort: { _id: way }, limit }));
    const { _id: t20 } = thing(20);
    expect(await tagged(["of2-0", "of3-0"], { $lt: t20 }, -1, 6)).toEqual([18, 16, 15, 14, 12, 10]);
    expect(await tagged(["of2-0", "none", "of3-0"], { $gt: t20 }, 1, 3)).toEqual([21, 22, 24]);
    expect(await tagged(["all", "of2-1"], { $lte: t20 }, -1, 3)).toEqual([20, 19, 18]);
    expect(await tagged(["none"], { $lte: t20 }, -1, 3)).toEqual([]);
    const owned = { owner: { $in: ["o0", "o2"] }, rank: { $gte: 4, $lt: 9 } };
    expect(ranks(await of().find(owned, { sort: { rank: 1 }, limit: 9 }))).toEqual([5, 6, 8]);
    expect(
      ranks(await of().find({ owner: { $in: ["o1", "o2"] } }, { sort: { rank: -1 }, limit: 3 })),
    ).toEqual([29, 28, 26]);
  });

  test("leaves out what is not wanted of a document", async () => {
    const given = thing(1, { tags: ["a"], note: "x", key: "k" });
    await of().insert(given);
    const { tags: _, note: __, ...rest } = given;
    const omit = ["tags", "note", "email"] as const;
    expect(await of().find({ tags: "a" }, { limit: 1, omit })).toStrictEqual([rest]);
    expect(await of().findByIds([given._id], { omit })).toStrictEqual([rest]);
    expect(await of().page({ prefix: "", limit: 1, omit, where: { note: "x" } })).toStrictEqual([rest]);
    expect(await of().findById(given._id)).toStrictEqual(given);
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

/** The part of what a collection promises that is about writing. */
import { expect, test } from "@jest/globals";
import { DuplicateKey, type OpenCollection } from "../../mixins/collection/collection.ts";
import { ranks, type Thing, thing, times } from "./things.ts";

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: unknown) => (error instanceof DuplicateKey ? error.index : String(error)),
  );

export function uniqueness(of: () => OpenCollection<Thing>): void {
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

export function updating(of: () => OpenCollection<Thing>): void {
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

export function racing(of: () => OpenCollection<Thing>): void {
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

/** Which queries an index serves. */
import { expect, test } from "@jest/globals";
import { plannedIndexes } from "./plan.ts";
import { type Filter, parseFilter, parseSort, type Sort } from "./query.ts";
import { assertServed, pageIndex } from "./query-check.ts";

interface Post {
  _id: string;
  author: string;
  state: string;
  at: number;
  slug: string;
  tags: string[];
}

const indexes = plannedIndexes([
  { fields: ["author", "state", "at"] },
  { fields: ["slug"], unique: true },
  { fields: ["author", "slug"], unique: true },
  { fields: ["tags"] },
]);

function check(
  filter: Filter<Post>,
  { sort, limited = true }: { sort?: Sort<Post>; limited?: boolean } = {},
) {
  return () => assertServed("posts", indexes, parseFilter(filter), parseSort(sort), limited);
}

// Rest parameters, since Jest takes a parameter that a row does not fill for its `done`.
test.each<[string, Filter<Post>, Sort<Post>?]>([
  ["_id", { _id: "a" }],
  [
    "_id and whatever else, for compare-and-set",
    { _id: "a", state: "x", at: { $ne: 5 }, tags: { $exists: true } },
  ],
  ["_id in a list, and whatever else", { _id: { $in: ["a", "b"] }, state: "x" }],
  ["a unique index, and whatever else", { slug: "a", state: "x" }],
  ["a whole compound unique index, and whatever else", { author: "a", slug: "s", at: { $gt: 1 } }],
  ["a range of _id", { _id: { $gt: "a", $lt: "b" } }],
  ["an equality prefix", { author: "a" }],
  ["a longer equality prefix", { author: "a", state: "x" }],
  ["all of an index", { author: "a", state: "x", at: 1 }],
  ["an equality prefix and a list", { author: "a", state: { $in: ["x", "y"] } }],
  ["an equality prefix and a range", { author: "a", state: "x", at: { $gte: 1, $lt: 5 } }],
  ["an equality prefix and the sort", { author: "a", state: "x" }, { at: -1 }],
  ["the sort over two fields", { author: "a" }, { state: 1, at: 1 }],
  ["the same, backwards", { author: "a" }, { state: -1, at: -1 }],
  ["a range and the sort of one field", { author: "a", state: "x", at: { $gt: 1 } }, { at: 1 }],
  ["a list, and the sort after it", { author: "a", state: { $in: ["x", "y"] } }, { at: 1 }],
  ["the same, and a range", { author: "a", state: { $in: ["x"] }, at: { $lt: 1 } }, { at: -1 }],
  ["a sort by what is set equal", { author: "a", state: "x" }, { author: 1, at: 1 }],
  ["an element of an array", { tags: "a" }],
  ["no more than a limit", {}],
  ["the sort alone, with a limit", {}, { slug: 1 }],
])("serves %s", (_what, ...[filter, sort]) => {
  expect(check(filter, { sort })).not.toThrow();
});

test.each<[string, Filter<Post>, Sort<Post>?]>([
  ["a field without an index", { at: 5 }],
  ["a field that is not first in an index", { state: "x" }],
  ["a gap in the prefix", { author: "a", at: 5 }],
  ["a rest after a prefix", { author: "a", tags: "b" }],
  ["two ranges", { author: "a", state: { $gt: "x" }, at: { $gt: 1 } }],
  ["a range, then equality", { author: { $gt: "a" }, state: "x" }],
  ["a sort after a range of another field", { author: "a", state: { $gt: "x" } }, { at: 1 }],
  ["a sort after a long list", { author: "a", state: { $in: Array(201).fill("x") } }, { at: 1 }],
  ["a sort with a gap after a list", { author: { $in: ["a", "b"] } }, { at: 1 }],
  ["a range after a list, without the sort", { author: "a", state: { $in: ["x"] }, at: { $lt: 1 } }],
  ["a sort against the order of the index", { author: "a" }, { at: 1 }],
  ["a sort in two directions", { author: "a" }, { state: 1, at: -1 }],
  ["a sort without an index", {}, { at: 1 }],
  ["$ne alone", { author: { $ne: "a" } }],
  ["$exists alone", { author: { $exists: true } }],
  ["$ne beside a range", { author: "a", state: { $gt: "a", $ne: "b" } }],
  ["a rest after a range of _id", { _id: { $gt: "a" }, state: "x" }],
  ["a part of a unique compound index, and a rest", { author: "a", state: "x", tags: "t" }],
])("refuses %s", (_what, ...[filter, sort]) => {
  expect(check(filter, { sort })).toThrow('no index of the collection "posts" serves');
});

test("refuses to change, delete or count everything", () => {
  expect(check({}, { limited: false })).toThrow("no index");
  expect(check({ _id: { $gte: "" } }, { limited: false })).not.toThrow();
});

test("pages by what has an index of its own", () => {
  expect(pageIndex("posts", indexes, "_id").name).toBe("_id");
  expect(pageIndex("posts", indexes, "slug").name).toBe("slug");
  expect(() => pageIndex("posts", indexes, "author")).toThrow("author");
});

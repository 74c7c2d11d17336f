/** An index of one field and `_id` gives what an ordered one gives, whatever came and went. */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { matches } from "./matching.ts";
import { OrderedIndex } from "./ordered-index.ts";
import { planQuery } from "./plan.ts";
import { PostingIndex } from "./posting-index.ts";
import { type Filter, parseFilter, parseSort, type Sort } from "./query.ts";
import { walk } from "./walking.ts";

interface Tagged {
  _id: string;
  tags?: string[] | string | null;
}

const PLAN = { name: "tags__id", fields: ["tags", "_id"], unique: false };
const tag = fc.constantFrom("a", "b", "ba", "c", "я");
const id = fc.constantFrom(..."0123456789");
const tags = fc.oneof(fc.array(tag, { maxLength: 4 }), tag, fc.constant(null), fc.constant(undefined));
const bound = fc.oneof(
  fc.constant({}),
  ...["$gt", "$gte", "$lt", "$lte"].map((op) => id.map((at) => ({ [op]: at }))),
);
const wanted = fc.oneof(
  tag.map((tags) => ({ tags })),
  fc.array(tag, { maxLength: 3 }).map(($in) => ({ tags: { $in } })),
  tag.map(($gte) => ({ tags: { $gte } })),
  fc.constant({}),
);
const query = fc.tuple(wanted, bound, fc.constantFrom(1 as const, -1 as const), fc.boolean());

test("walks of both give the same documents in the same order", () => {
  const changes = fc.array(fc.tuple(id, fc.oneof(tags, fc.constant("gone" as const))), {
    maxLength: 40,
    size: "max",
  });
  fc.assert(
    fc.property(changes, fc.array(query, { minLength: 1, maxLength: 5 }), (steps, queries) => {
      const [ordered, posting] = [new OrderedIndex(PLAN), new PostingIndex(PLAN, 2)];
      const there = new Map<string, Tagged>();
      for (const [_id, given] of steps) {
        const before = there.get(_id);
        const document = { _id, ...(given === undefined ? {} : { tags: given }) } as Tagged;
        for (const index of [ordered, posting]) {
          if (given === "gone") before && index.remove(before);
          else if (before) index.replace(before, document);
          else index.insert(document);
        }
        if (given === "gone") there.delete(_id);
        else there.set(_id, document);
      }
      expect(posting.sparse).toBe(ordered.sparse);
      // One value twice counts as several, which is no more than careful.
      if (ordered.many) expect(posting.many).toBe(true);
      for (const [filter, _id, way, byId] of queries) {
        const whole = { ...filter, ...(Object.keys(_id).length > 0 ? { _id } : {}) } as Filter<Tagged>;
        const conditions = parseFilter(whole);
        const order = parseSort((byId ? { _id: way } : { tags: way, _id: way }) as Sort<Tagged>);
        const given = [ordered, posting].map((index) => {
          const plan = planQuery([index], conditions, order, true);
          const found = [...walk(plan, conditions, order, { touched: 0 })];
          const matching = found.filter((document) => matches(document, conditions));
          // The last that was put there, and not one that it replaced.
          for (const document of matching) expect(document).toBe(there.get(document._id));
          return matching.map((document) => document._id);
        });
        expect(given[1]).toEqual(given[0]);
      }
    }),
  );
});

test("documents share the strings of their values", () => {
  const index = new PostingIndex(PLAN);
  const [a, b] = [
    { _id: "1", tags: ["x", "y"] },
    { _id: "2", tags: ["y", "x", "x"] },
  ];
  for (const document of [a, b]) index.insert(document);
  expect(b).toEqual({ _id: "2", tags: ["y", "x", "x"] });
  index.remove(b);
  index.remove(a);
  expect([...index.walk(() => 0, false, { touched: 0 })]).toEqual([]);
});

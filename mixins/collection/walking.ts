/** The way of a plan through its index: one walk; one for each value of `$in`; or those, merged in the order of the sort. */
import { compareValues, type Document, valuesAt } from "./document.ts";
import { locate } from "./matching.ts";
import type { Locate, WalkableIndex } from "./ordered-index.ts";
import type { Plan } from "./plan.ts";
import type { Conditions, Range, SortKeys } from "./query.ts";
import type { Effort } from "./sorted-tree.ts";

type Compare = (a: object, b: object) => number;

/** May give what does not match, and one document several times. The index must not change meanwhile. */
export function* walk(
  plan: Plan & { index: WalkableIndex },
  conditions: Conditions,
  sort: SortKeys,
  effort: Effort,
): Generator<Document> {
  const walks = locators(plan, conditions).map((place) => plan.index.walk(place, plan.descending, effort));
  if (plan.merged) yield* merged(walks, bySort(sort));
  else for (const each of walks) yield* each;
}

/** Costs one step of each walk, and then one for each document that is taken. */
function* merged(walks: Generator<Document>[], compare: Compare): Generator<Document> {
  const head = (of: Generator<Document>) => {
    const { value, done } = of.next();
    return done ? [] : [{ document: value, of }];
  };
  // The next one is the last.
  const heads = walks.flatMap(head).sort((a, b) => compare(b.document, a.document));
  for (let next = heads.pop(); next; next = heads.pop()) {
    yield next.document;
    for (const follower of head(next.of)) {
      let [low, high] = [0, heads.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        const there = heads[middle];
        if (there && compare(there.document, follower.document) > 0) low = middle + 1;
        else high = middle;
      }
      heads.splice(low, 0, follower);
    }
  }
}

function locators({ index, equal, next, merged }: Plan & { index: WalkableIndex }, conditions: Conditions) {
  const values = index.fields.slice(0, equal).map((field) => conditions.get(field)?.eq);
  const condition = conditions.get(index.fields[equal] ?? "");
  const among = (prefix: unknown[], range?: Range): Locate => {
    return (key) => {
      for (const [i, value] of prefix.entries()) {
        const order = compareValues(key[i], value);
        if (order !== 0) return order;
      }
      return range ? locate(key[prefix.length], range) : 0;
    };
  };
  if (next === "in") {
    const range = merged ? conditions.get(index.fields[equal + 1] ?? "")?.range : undefined;
    return (condition?.in ?? []).map((value) => among([...values, value], walkable(range, index)));
  }
  return [among(values, next === "range" ? walkable(condition?.range, index) : undefined)];
}

/** Of an array one element may meet the lower bound and another the upper one, so that one bound must do for the walk. */
function walkable(range: Range | undefined, { many }: WalkableIndex): Range | undefined {
  if (!range || !many) return range;
  const { $gt, $gte, ...upper } = range;
  if ($gt === undefined && $gte === undefined) return upper;
  return $gt === undefined ? { $gte } : { $gt };
}

export function bySort(sort: SortKeys): Compare {
  return (a, b) => {
    for (const [path, direction] of sort) {
      const order = compareValues(valuesAt(a, path).values[0], valuesAt(b, path).values[0]);
      if (order !== 0) return order * direction;
    }
    return 0;
  };
}

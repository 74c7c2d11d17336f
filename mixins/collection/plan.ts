/** Which index a query goes through, and whether that index serves it. */
import { type Index, indexName } from "./definition.ts";
import { type Conditions, MAX_MERGED, type SortKeys } from "./query.ts";

export interface PlannedIndex {
  name: string;
  fields: string[];
  unique: boolean;
}

export interface Plan {
  index: PlannedIndex;
  /** How many of the index's first fields the filter sets equal to a value. */
  equal: number;
  /** What the filter says of the field after those. */
  next?: "in" | "range";
  /** Whether that is an `$in`, and the index gives the documents of each of its values in the order of the sort. */
  merged: boolean;
  /** Whether the index gives the documents in the order of the sort. */
  sorted: boolean;
  descending: boolean;
  /** Finds at most one document, or one for each value of `$in`: whatever else is asked, costs nothing. */
  point: boolean;
  /** Whether the work is bounded by what is found. */
  served: boolean;
}

export const PRIMARY: PlannedIndex = { name: "_id", fields: ["_id"], unique: true };

export const plannedIndexes = (indexes: Index[] = []): PlannedIndex[] => [
  PRIMARY,
  ...indexes.map((index) => ({
    name: indexName(index),
    fields: index.fields,
    unique: index.unique === true,
  })),
];

/**
 * @param indexes the primary key first
 * @param limited whether the query takes a limited number of documents, so that it may name none
 */
export function planQuery<I extends PlannedIndex>(
  indexes: I[],
  conditions: Conditions,
  sort: SortKeys,
  limited: boolean,
): Plan & { index: I } {
  const plans = indexes.map((index) => planWith(index, conditions, sort, limited));
  return plans.reduce((best, plan) => (score(plan) > score(best) ? plan : best));
}

function planWith<I extends PlannedIndex>(
  index: I,
  conditions: Conditions,
  sort: SortKeys,
  limited: boolean,
): Plan & { index: I } {
  let equal = 0;
  while (equal < index.fields.length && conditions.get(index.fields[equal] ?? "")?.eq !== undefined) equal++;
  const nextField = index.fields[equal];
  const condition = nextField === undefined ? undefined : conditions.get(nextField);
  const next = condition?.in ? "in" : condition?.range ? "range" : undefined;
  const values = next === "in" ? (condition?.in?.length ?? 0) : 0;
  // Within each value of an `$in` the index goes on in the order of its other fields.
  const within = next === "in" && sort.length > 0 ? sortedBy(index, equal + 1, conditions, sort) : 0;
  const merged = within !== 0 && values <= MAX_MERGED;
  const order = merged ? within : sortedBy(index, equal, conditions, sort);
  const ranged = merged && conditions.get(index.fields[equal + 1] ?? "")?.range !== undefined;
  const covered = equal + (next ? 1 : 0) + (ranged ? 1 : 0);
  const point =
    index.unique && covered === index.fields.length && (next === undefined || next === "in") && covered > 0;
  const sorted =
    sort.length === 0 || merged || (order !== 0 && next !== "in") || (point && next === undefined);
  // A range or $in that has more to it ($ne, $exists) leaves a rest to filter by; so does a field the index does not have.
  const exact = [...conditions].every(([field, { ne, exists, in: values, range, eq }]) => {
    const used = index.fields.indexOf(field) < covered && index.fields.includes(field);
    const single = [eq, values, range].filter((part) => part !== undefined).length === 1;
    return used && single && ne === undefined && exists === undefined;
  });
  const served = point || (exact && sorted && (covered > 0 || limited));
  return { index, equal, next, merged, sorted, descending: order === -1, point, served };
}

/** The direction in which the index gives the order of the sort, 0 when it does not. Fields set equal do not matter for it. */
function sortedBy(index: PlannedIndex, equal: number, conditions: Conditions, sort: SortKeys): -1 | 0 | 1 {
  const keys = sort.filter(([path]) => conditions.get(path)?.eq === undefined);
  const direction = keys[0]?.[1] ?? 1;
  const along = keys.every(([path, way], i) => index.fields[equal + i] === path && way === direction);
  return along ? direction : 0;
}

const score = (plan: Plan): number =>
  (plan.point ? 1000 : 0) +
  (plan.point && plan.next === undefined ? 500 : 0) +
  (plan.served ? 200 : 0) +
  plan.equal * 10 +
  (plan.next ? 5 : 0) +
  (plan.sorted ? 1 : 0);

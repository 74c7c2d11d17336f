/** Refuses a query that no declared index serves, so that what is quick on ten documents stays quick on ten million. */
import { type PlannedIndex, planQuery } from "./plan.ts";
import { type Conditions, MAX_MERGED, type SortKeys } from "./query.ts";

/** @throws Error that names the collection, the query and its indexes */
export function assertServed(
  collection: string,
  indexes: PlannedIndex[],
  conditions: Conditions,
  sort: SortKeys,
  limited: boolean,
): void {
  if (planQuery(indexes, conditions, sort, limited).served) return;
  const filter = [...conditions]
    .map(([path, condition]) => `${path}: ${JSON.stringify(condition)}`)
    .join(", ");
  const order = sort.map(([path, way]) => `${path} ${way === 1 ? "ascending" : "descending"}`).join(", ");
  const known = indexes.map(({ name, fields }) => `${name} (${fields.join(", ")})`).join(", ");
  throw new Error(
    `no index of the collection "${collection}" serves { ${filter} }${order && ` sorted by ${order}`}; it has ${known}. ` +
      "One serves equality on its first fields, then one $in, one range, or the sort on the next; " +
      `or an $in of at most ${MAX_MERGED} values and the sort on what follows.`,
  );
}

/** @throws Error when there is no index that `page` could read by this field */
export function pageIndex<I extends PlannedIndex>(collection: string, indexes: I[], field: string): I {
  const index = indexes.find(({ fields }) => fields.length === 1 && fields[0] === field);
  if (!index)
    throw new Error(`the collection "${collection}" has no index of its own on ${field} to page by`);
  return index;
}

/** Whether a document matches a filter, as MongoDB would say: NeDB's own matcher differs for null, `$ne` and arrays. */
import { compareValues, rank, valuesAt } from "./document.ts";
import type { Condition, Conditions, Range } from "./query.ts";

export function matches(document: object, conditions: Conditions): boolean {
  for (const [path, condition] of conditions) if (!matchesOne(document, path, condition)) return false;
  return true;
}

function matchesOne(document: object, path: string, condition: Condition): boolean {
  const { values, exists } = valuesAt(document, path);
  const has = (wanted: unknown) =>
    // Nothing but the same string equals a string, and looking for it is quick among the hundreds of words of a text.
    typeof wanted === "string"
      ? values.includes(wanted)
      : (wanted === null && !exists) || values.some((value) => compareValues(value, wanted) === 0);
  if (condition.eq !== undefined && !has(condition.eq)) return false;
  if (condition.in !== undefined && !condition.in.some(has)) return false;
  if (condition.ne !== undefined && has(condition.ne)) return false;
  if (condition.exists !== undefined && condition.exists !== exists) return false;
  const { range } = condition;
  // Each bound may be met by another element of an array, as in MongoDB.
  return (
    range === undefined ||
    Object.entries(range).every(([bound, value]) => values.some((v) => locate(v, { [bound]: value }) === 0))
  );
}

/**
 * Where a value is seen from a range: negative before it, 0 in it, positive after it. Never falls as values rise, so that an
 * ordered index can be searched by it. Values of other types than the range's bounds are outside.
 */
export function locate(value: unknown, range: Range): number {
  const bound = range.$gt ?? range.$gte ?? range.$lt ?? range.$lte ?? range.prefix;
  const byType = rank(value) - rank(bound);
  if (byType !== 0) return byType;
  const { $gt, $gte, $lt, $lte, prefix } = range;
  const fromPrefix =
    prefix === undefined || (value as string).startsWith(prefix) ? 0 : compareValues(value, prefix);
  if (fromPrefix < 0) return -1;
  if ($gt !== undefined && compareValues(value, $gt) <= 0) return -1;
  if ($gte !== undefined && compareValues(value, $gte) < 0) return -1;
  if ($lt !== undefined && compareValues(value, $lt) >= 0) return 1;
  if ($lte !== undefined && compareValues(value, $lte) > 0) return 1;
  return fromPrefix;
}

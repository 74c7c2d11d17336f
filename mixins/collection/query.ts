/** Filters, sorts and updates: the part of MongoDB's language that both databases, and servers compatible with MongoDB, have. */
import { assertField, copyValue, type Document, type Scalar } from "./document.ts";

/** A comparison never matches a value of another type. Of an array, one matching element is enough (`$ne`: none may be equal). */
export interface Comparison<T> {
  $gt?: T;
  $gte?: T;
  $lt?: T;
  $lte?: T;
  $ne?: T | null;
  /** At most 1000; 200 where there is a sort. */
  $in?: readonly (T | null)[];
  $exists?: boolean;
}

/** What one compares a field with: of an array, an element. Whole subdocuments are not compared: name the path inside. */
type Operand<T> = T extends readonly (infer E)[] ? Operand<E> : T extends Scalar ? T : never;
type Paths<T> = { [path: `${string}.${string}`]: T };

/** All fields must match. `null` matches a field that is null or absent. */
export type Filter<D> = {
  [F in keyof D & string]?: Operand<NonNullable<D[F]>> | null | Comparison<Operand<NonNullable<D[F]>>>;
} & Paths<Scalar | Comparison<Scalar>>;

/** 1 ascending, -1 descending; the order of the fields counts. */
export type Sort<D> = { [F in keyof D & string]?: 1 | -1 } & Paths<1 | -1>;

type ElementOf<T> = T extends readonly (infer E)[] ? E : never;
type Fields<D> = Omit<D, "_id">;

/** Fields that are `undefined` are left out. A path must not be changed twice in one update. */
export type Update<D> = {
  $set?: Partial<Fields<D>> & Paths<unknown>;
  $unset?: { [F in keyof Fields<D> & string]?: true } & Paths<true>;
  $inc?: { [F in keyof Fields<D> & string]?: number } & Paths<number>;
  $max?: Partial<Fields<D>> & Paths<Scalar>;
  $min?: Partial<Fields<D>> & Paths<Scalar>;
  $push?: { [F in keyof Fields<D> & string]?: Pushed<ElementOf<NonNullable<D[F]>>> } & Paths<unknown>;
  $addToSet?: { [F in keyof Fields<D> & string]?: Pushed<ElementOf<NonNullable<D[F]>>> } & Paths<unknown>;
  /** Takes out every element equal to it; of subdocuments, every one that has these fields. */
  $pull?: { [F in keyof Fields<D> & string]?: Pulled<ElementOf<NonNullable<D[F]>>> } & Paths<unknown>;
};
type Pushed<E> = E | { $each: readonly E[] };
type Pulled<E> = E extends Date ? E : E extends object ? Partial<E> : E;

export interface Range {
  $gt?: Scalar;
  $gte?: Scalar;
  $lt?: Scalar;
  $lte?: Scalar;
  /** Strings that start with it. */
  prefix?: string;
}

/** One field's part of a filter, taken apart. */
export interface Condition {
  eq?: Scalar;
  in?: Scalar[];
  range?: Range;
  ne?: Scalar;
  exists?: boolean;
}
export type Conditions = Map<string, Condition>;
export type SortKeys = [path: string, direction: 1 | -1][];

export const MAX_IN = 1000;
/** Values of an `$in` whose documents are wanted in an order: MongoDB merges no more sorted scans than these. */
export const MAX_MERGED = 200;
export const MAX_LIMIT = 10_000;
const RANGE = new Set(["$gt", "$gte", "$lt", "$lte"]);
const UPDATES = new Set(["$set", "$unset", "$inc", "$max", "$min", "$push", "$addToSet", "$pull"]);

/**
 * @throws TypeError for what is not of the common language, above all `undefined`: MongoDB would take it for null and match
 *   every document without the field
 */
export function parseFilter<D extends Document>(filter: Filter<D>): Conditions {
  return new Map(Object.entries(filter).map(([path, operand]) => [path, parseCondition(path, operand)]));
}

function parseCondition(path: string, operand: unknown): Condition {
  for (const field of path.split(".")) assertField(field);
  if (isScalar(operand)) return { eq: operand };
  if (typeof operand !== "object" || operand === null || Array.isArray(operand)) throw refused(path, operand);
  const condition: Condition = {};
  for (const [operator, value] of Object.entries(operand)) {
    if (operator === "$in") {
      if (!Array.isArray(value) || !value.every(isScalar)) throw refused(path, operand);
      if (value.length > MAX_IN) throw new TypeError(`${path}: $in takes at most ${MAX_IN} values`);
      condition.in = value;
    } else if (operator === "$exists" && typeof value === "boolean") condition.exists = value;
    else if (!isScalar(value)) throw refused(path, operand);
    else if (operator === "$ne") condition.ne = value;
    else if (RANGE.has(operator) && value !== null)
      condition.range = { ...condition.range, [operator]: value };
    else throw refused(path, operand);
  }
  if (Object.keys(condition).length === 0) throw refused(path, operand);
  return condition;
}

const isScalar = (value: unknown): value is Scalar =>
  value === null ||
  ["string", "number", "boolean"].includes(typeof value) ||
  (value instanceof Date && !Number.isNaN(value.getTime()));

const refused = (path: string, operand: unknown) =>
  new TypeError(
    `a filter cannot compare ${path} with ${operand === undefined ? "undefined" : JSON.stringify(operand)}`,
  );

export function parseSort<D extends Document>(sort: Sort<D> | undefined): SortKeys {
  return Object.entries(sort ?? {}).flatMap(([path, direction]) =>
    direction === undefined ? [] : [[path, direction] as [string, 1 | -1]],
  );
}

export function assertLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new TypeError(`a limit is a whole number from 1 to ${MAX_LIMIT}, not ${limit}`);
  }
}

/** Operator, then path, then operand. Copied, without what is undefined and without operators that have nothing to do. */
export type Changes = Record<string, Record<string, unknown>>;

/** @throws TypeError for an unknown operator, a change of `_id`, or one path changed twice (also as a part of another) */
export function parseUpdate<D extends Document>(update: Update<D>): Changes {
  const changes: Changes = {};
  const paths: string[] = [];
  for (const [operator, operands] of Object.entries(update)) {
    if (!UPDATES.has(operator)) throw new TypeError(`an update cannot ${operator}`);
    for (const [path, operand] of Object.entries(operands ?? {})) {
      if (operand === undefined) continue;
      for (const field of path.split(".")) assertField(field);
      if (path === "_id") throw new TypeError("an update cannot change _id");
      paths.push(path);
      changes[operator] = { ...changes[operator], [path]: parseOperand(operator, operand) };
    }
  }
  paths.sort();
  const clash = paths.find((path, i) =>
    paths.some((other, j) => i !== j && `${other}.`.startsWith(`${path}.`)),
  );
  if (clash !== undefined) throw new TypeError(`an update changes ${clash} twice`);
  return changes;
}

function parseOperand(operator: string, operand: unknown): unknown {
  if (operator === "$inc" && typeof operand !== "number") throw new TypeError("$inc takes a number");
  if (operator === "$max" || operator === "$min") {
    if (!isScalar(operand)) throw new TypeError(`${operator} takes a scalar`);
  }
  const each = eachOf(operand);
  if (each === undefined) return operator === "$unset" ? true : copyValue(operand);
  if (operator !== "$push" && operator !== "$addToSet") throw new TypeError(`${operator} takes no $each`);
  return { $each: copyValue(each) };
}

/** The elements of `{ $each: elements }`, undefined for anything else. */
export function eachOf(operand: unknown): unknown[] | undefined {
  if (typeof operand !== "object" || operand === null || !Object.hasOwn(operand, "$each")) return undefined;
  const { $each } = operand as { $each: unknown };
  if (!Array.isArray($each) || Object.keys(operand).length > 1)
    throw new TypeError("$each takes an array, and stands alone");
  return $each;
}

/**
 * The equalities of a filter, which an upsert starts its document from.
 * @throws TypeError without an equality on `_id`: MongoDB would invent one
 */
export function upsertSeed(conditions: Conditions): { _id: string } & Record<string, unknown> {
  const id = conditions.get("_id")?.eq;
  if (typeof id !== "string") throw new TypeError("an upsert's filter must say the _id");
  const seed: { _id: string } & Record<string, unknown> = { _id: id };
  for (const [path, { eq }] of conditions) {
    if (eq === undefined) continue;
    if (path.includes(".")) throw new TypeError("an upsert's filter cannot have dotted paths");
    seed[path] = eq;
  }
  return seed;
}

/** Applies an update to a document, as MongoDB would: NeDB's own `$pull`, `$addToSet` and `$max` differ. */
import { compareValues, copyValue, type Document, equalValues } from "./document.ts";
import { type Changes, eachOf } from "./query.ts";

type Fields = Record<string, unknown>;
type Modifier = (parent: Fields, field: string, operand: unknown) => void;

/** @returns a new document; the old one stays as it is */
export function modified<D extends Document>(document: D, changes: Changes): D {
  const copy = copyValue(document);
  for (const [operator, operands] of Object.entries(changes)) {
    const modify = MODIFIERS[operator];
    if (!modify) throw new TypeError(`an update cannot ${operator}`);
    for (const [path, operand] of Object.entries(operands)) {
      const steps = path.split(".");
      const field = steps.pop() ?? "";
      const parent = parentOf(
        copy as unknown as Fields,
        steps,
        operator === "$unset" || operator === "$pull",
      );
      const each = eachOf(operand);
      if (parent) modify(parent, field, each ? { $each: copyValue(each) } : copyValue(operand));
    }
  }
  return copy;
}

/** Makes the subdocuments on the way, unless there would be nothing to do in them. */
function parentOf(document: Fields, steps: string[], onlyIfThere: boolean): Fields | undefined {
  let parent = document;
  for (const step of steps) {
    if (!Object.hasOwn(parent, step)) {
      if (onlyIfThere) return undefined;
      parent[step] = {};
    }
    const next = parent[step];
    if (typeof next !== "object" || next === null || next instanceof Date) {
      if (onlyIfThere) return undefined;
      throw new TypeError(`an update cannot go into ${step}, which is no subdocument`);
    }
    parent = next as Fields;
  }
  return parent;
}

const MODIFIERS: Record<string, Modifier> = {
  $set: (parent, field, value) => {
    parent[field] = value;
  },
  $unset: (parent, field) => {
    delete parent[field];
  },
  $inc: (parent, field, amount) => {
    const before = Object.hasOwn(parent, field) ? parent[field] : 0;
    if (typeof before !== "number") throw new TypeError(`$inc of ${field}, which is no number`);
    parent[field] = before + Number(amount);
  },
  $max: (parent, field, value) => {
    if (!Object.hasOwn(parent, field) || compareValues(value, parent[field]) > 0) parent[field] = value;
  },
  $min: (parent, field, value) => {
    if (!Object.hasOwn(parent, field) || compareValues(value, parent[field]) < 0) parent[field] = value;
  },
  $push: (parent, field, operand) => {
    arrayAt(parent, field).push(...(eachOf(operand) ?? [operand]));
  },
  $addToSet: (parent, field, operand) => {
    const array = arrayAt(parent, field);
    for (const value of eachOf(operand) ?? [operand]) {
      if (!array.some((element) => equalValues(element, value))) array.push(value);
    }
  },
  $pull: (parent, field, operand) => {
    if (!Object.hasOwn(parent, field)) return;
    parent[field] = arrayAt(parent, field).filter((element) => !pulled(element, operand));
  },
};

function arrayAt(parent: Fields, field: string): unknown[] {
  if (!Object.hasOwn(parent, field)) parent[field] = [];
  const array = parent[field];
  if (!Array.isArray(array)) throw new TypeError(`${field} is no array`);
  return array;
}

function pulled(element: unknown, operand: unknown): boolean {
  if (!isSubdocument(element) || !isSubdocument(operand)) return equalValues(element, operand);
  return Object.entries(operand).every(
    ([field, value]) => Object.hasOwn(element, field) && equalValues(element[field], value),
  );
}

const isSubdocument = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

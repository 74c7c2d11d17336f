/** Documents as both databases keep them: plain values, their order, and the values at a path. */

export interface Document {
  _id: string;
}

/** What can be compared and indexed. */
export type Scalar = string | number | boolean | Date | null;

/**
 * A deep copy without `undefined` fields, as both databases keep it.
 * @throws TypeError for what not both can keep: a field name that is empty, starts with `$`, contains `.` or is `__proto__`;
 *   a number that is not finite; anything but scalars, arrays and plain objects
 */
export function copyValue<T>(value: T): T;
export function copyValue(value: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`a document cannot hold ${value}`);
    return value;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new TypeError("a document cannot hold an invalid date");
    return new Date(value);
  }
  if (Array.isArray(value)) return value.map((element) => copyValue(element ?? null));
  if (typeof value === "object" && isPlain(value)) {
    const copy: Record<string, unknown> = {};
    for (const [field, inner] of Object.entries(value)) {
      if (inner === undefined) continue;
      assertField(field);
      copy[field] = copyValue(inner);
    }
    return copy;
  }
  throw new TypeError(`a document cannot hold a ${typeof value} (${String(value).slice(0, 40)})`);
}

/** @throws TypeError when the document has no `_id` of its own */
export function copyDocument<D extends Document>(document: D): D {
  if (typeof document._id !== "string" || document._id === "") {
    throw new TypeError("a document needs an _id that is a non-empty string");
  }
  return copyValue(document);
}

export function isPlain(value: object): boolean {
  // Not by identity with Object.prototype: a value may come from another realm (a test's, a worker's).
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function assertField(field: string): void {
  if (field === "" || field.startsWith("$") || field.includes(".") || field === "__proto__") {
    throw new TypeError(`a document cannot have a field named "${field}"`);
  }
}

/** MongoDB's order of types. A range never crosses from one type into another. */
export function rank(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === "number") return 1;
  if (typeof value === "string") return 2;
  if (typeof value === "boolean") return 4;
  if (value instanceof Date) return 5;
  return 3;
}

/** Order of two values; strings by UTF-16 unit, subdocuments and arrays by their JSON (no range over them means anything). */
export function compareValues(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  const byType = rank(a) - rank(b);
  if (byType !== 0) return byType;
  switch (rank(a)) {
    case 0:
      return 0;
    case 1:
    case 4:
    case 5:
      return Number(a) - Number(b);
    default:
      return compareValues(JSON.stringify(a), JSON.stringify(b));
  }
}

/** Deep equality, whatever the order of fields. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, i) => equalValues(element, b[i]));
  }
  if (rank(a) !== 3 || rank(b) !== 3 || Array.isArray(a) || Array.isArray(b))
    return compareValues(a, b) === 0;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const fields = Object.keys(left);
  return (
    fields.length === Object.keys(right).length &&
    fields.every((field) => Object.hasOwn(right, field) && equalValues(left[field], right[field]))
  );
}

/** What a dotted path finds. An array gives each of its elements; `exists` holds also for an empty one. */
export interface Found {
  /** May be the document's own array. */
  values: readonly unknown[];
  exists: boolean;
  /** Whether an array was on the path. */
  many: boolean;
}

export function valuesAt(document: object, path: string): Found {
  if (!path.includes(".")) {
    const value = Object.hasOwn(document, path) ? (document as Record<string, unknown>)[path] : undefined;
    if (Array.isArray(value)) return { values: value, exists: true, many: true };
    return { values: value === undefined ? [] : [value], exists: value !== undefined, many: false };
  }
  const values: unknown[] = [];
  const found = { values, exists: false, many: false };
  collect(document, path.split("."), 0, found);
  return found;
}

function collect(value: unknown, path: string[], depth: number, found: Found & { values: unknown[] }): void {
  const field = path[depth];
  if (field === undefined) {
    if (value === undefined) return;
    found.exists = true;
    if (!Array.isArray(value)) found.values.push(value);
    else {
      found.many = true;
      found.values.push(...value);
    }
  } else if (Array.isArray(value)) {
    found.many = true;
    for (const element of value) collect(element, path, depth, found);
  } else if (typeof value === "object" && value !== null && Object.hasOwn(value, field)) {
    collect((value as Record<string, unknown>)[field], path, depth + 1, found);
  }
}

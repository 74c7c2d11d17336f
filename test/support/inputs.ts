// Inputs for the routes of an OpenAPI document: well-formed ones, and hostile ones.
import fc from "fast-check";
import { fillPath, type Operation, type Schema } from "./openapi.ts";

/** What there is, by the names that fields and path params have: drawn again and again, to get behind the checks. */
export const known: Record<string, string[]> = {};

/** Values that a schema allows, as far as it says; those that are known among them. */
export function allowed(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const { type, pattern, anyOf, items, minimum = 0, maximum = 100, minLength = 0, maxLength = 40 } = schema;
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((each: Schema) => allowed(name, each)));
  if (Array.isArray(type)) return fc.oneof(...type.map((each) => allowed(name, { ...schema, type: each })));
  if (type === "object") return wellFormed(schema);
  if (type === "array") return fc.array(allowed(name, items as Schema), { maxLength: 3 });
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  if (type === "integer" || type === "number") {
    const drawn = fc.integer({ min: Number(minimum), max: Math.min(Number(maximum), 2 ** 31 - 1) });
    if (known[name] === undefined) return drawn;
    return fc.oneof({ arbitrary: fc.nat().map((n) => Number(pick(name, n)) || 0), weight: 3 }, drawn);
  }
  const drawn = () => {
    if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
    if (name === "email") return fc.uuid().map((id) => `${id}@example.com`);
    if (name.endsWith("_url")) return fc.webUrl();
    const longest = Math.min(Number(maxLength), Number(minLength) + 40);
    return fc.string({ unit: "binary", minLength: Number(minLength), maxLength: longest });
  };
  if (known[name] === undefined) return drawn();
  // Looked up at each draw: the caller may be another by then.
  return fc.oneof({ arbitrary: fc.nat().map((n) => pick(name, n)), weight: 3 }, drawn());
}

const pick = (name: string, n: number): string => known[name]?.[n % known[name].length] ?? "";

export function wellFormed({
  properties = {},
  required = [],
}: Schema): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, allowed(name, schema)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

/** The params of a route in its path or its query, as a schema of their own. */
export function paramsOf({ parameters }: Operation, where: "path" | "query"): Schema {
  const there = parameters.filter((parameter) => parameter.in === where);
  return {
    properties: Object.fromEntries(there.map(({ name, schema }) => [name, schema])),
    required: there.filter(({ required }) => required).map(({ name }) => name),
  };
}

export const encoded = (value: unknown): string => encodeURIComponent(String(value).toWellFormed());

export const pathOf = (operation: Operation): fc.Arbitrary<string> =>
  wellFormed(paramsOf(operation, "path")).map((params) =>
    fillPath(operation.path, (name) => encoded(params[name])),
  );

export const targetOf = (operation: Operation): fc.Arbitrary<string> =>
  fc.tuple(pathOf(operation), wellFormed(paramsOf(operation, "query"))).map(([path, params]) => {
    const pairs = Object.entries(params).map(([name, value]) => `${name}=${encoded(value)}`);
    return `${path}?${pairs.join("&")}`;
  });

/** Fields as the text of a JSON object: some of what is hostile is no value that could be serialized. */
export const jsonOf = (fields: [string, string][]): string =>
  `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;

export const fieldsOf = (value: Record<string, unknown>): [string, string][] =>
  Object.entries(value).map(([name, field]) => [name, JSON.stringify(field)]);

export const words = (text: string): string[] => text.split(" ");

/** JSON texts in the place of a field. */
export const HOSTILE = [
  ...words(
    'null true 0 -0 1.5 1e309 -1e309 9007199254740993 [] {} "" [""] {"$gt":""} {"$ne":null} {"$where":"1"}',
  ),
  ...words(
    '{"$set":{"role":"admin"}} [{"$gt":""}] {"__proto__":{"admin":true}} {"length":-1} "__proto__" "../../x"',
  ),
  ...words(
    '{"constructor":{"prototype":{"admin":true}}} "\\u0000" "\\ud800" "\\udfff\\ud800" "\\u202e\\ufeff"',
  ),
  ...[10_000, 60_000, 70_000].map((length) => `"${"a".repeat(length)}"`),
  ...[20, 40, 10_000].map((depth) => `${"[".repeat(depth)}1${"]".repeat(depth)}`),
  `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`,
];
export const UNKNOWN = words("__proto__ constructor toString $where a.b role _id is_admin é☃");
export const hostile = fc.oneof(
  { arbitrary: fc.constantFrom(...HOSTILE), weight: 4 },
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 300 }).map((text) => JSON.stringify(text)),
);

export const typeOf = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
};
export const typesOf = ({ type, anyOf = [], enum: some = [] }: Schema): string[] => [
  ...[type ?? []].flat(),
  ...(anyOf as Schema[]).flatMap(typesOf),
  ...(some as unknown[]).map(typeOf),
];

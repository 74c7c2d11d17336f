/** What a route of a dialect takes, from path, query, body or form. As the originals do, it ignores what it does not know. */
import type { z } from "zod";
import { invalidArgument } from "../../../lib/errors.ts";
import { refusal } from "../../../mixins/mesh/zod-validator.ts";
import { coerce, decode, fieldTypes, type Sources, type Type } from "../rest/params.ts";
import { namesInPath } from "../rest/route.ts";
import type { Dialect, DialectRoute } from "./dialect.ts";

type Fields = Record<string, unknown>;

/** Made once a route, called once a request. @throws INVALID_ARGUMENT that names each field */
export function inputReader({ anyCase = false }: Pick<Dialect, "anyCase">, route: DialectRoute) {
  const { takes, path, query, body, file } = route;
  const types = fieldTypes(takes);
  const typeOf = (name: string): Type => types.get(name) ?? "string";
  const inPath = namesInPath(path);
  const inForm = file ? Object.keys(takes.shape) : [];

  return ({ path: given, query: text, body: sent, form }: Sources): z.output<typeof takes> => {
    const fields: Fields = {
      ...textFields(queryPairs(text), query, typeOf),
      ...bodyFields(sent, body, anyCase),
      ...textFields(Object.entries(form?.fields ?? {}), inForm, typeOf),
    };
    for (const name of inPath) fields[name] = asNumber(given[name] ?? "", typeOf(name));
    const parsed = takes.safeParse(fields);
    if (!parsed.success) throw refusal(parsed.error);
    if (file && !file.optional && form && form.upload === undefined) {
      const message = "is needed, as a file";
      throw invalidArgument(`${file.field}: ${message}`, [{ path: file.field, message }]);
    }
    return parsed.data;
  };
}

/** Ids have leading zeros where another dialect, or `/v1`, shows them as text. */
const asNumber = (text: string, type: Type) =>
  coerce(type === "string" ? text : text.replace(/^0+(?=\d)/, ""), type);

/** The first of a name counts. */
function textFields(
  pairs: readonly (readonly [string, string])[],
  known: readonly string[],
  typeOf: (name: string) => Type,
): Fields {
  const fields: Fields = {};
  for (const [name, value] of pairs) {
    if (known.includes(name) && !Object.hasOwn(fields, name)) fields[name] = asNumber(value, typeOf(name));
  }
  return fields;
}

const queryPairs = (query: string): [string, string][] =>
  query.split("&").flatMap((pair): [string, string][] => {
    if (pair === "") return [];
    const at = pair.indexOf("=");
    return at < 0 ? [[decode(pair), ""]] : [[decode(pair.slice(0, at)), decode(pair.slice(at + 1))]];
  });

/** Of fields whose names differ in case only, the last counts, and `null` says nothing: so does the decoder of the original. */
function bodyFields(sent: unknown, known: readonly string[], anyCase: boolean): Fields {
  // `null` too says nothing.
  if (sent === undefined || sent === null || known.length === 0) return {};
  if (typeof sent !== "object" || Array.isArray(sent)) {
    throw invalidArgument("The body must be a JSON object.");
  }
  const named = new Map(known.map((name) => [anyCase ? name.toLowerCase() : name, name]));
  const fields: Fields = {};
  for (const [name, value] of Object.entries(sent)) {
    const field = named.get(anyCase ? name.toLowerCase() : name);
    if (field !== undefined && !(anyCase && value === null)) fields[field] = value;
  }
  return fields;
}

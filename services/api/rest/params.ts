/** Makes an action's params from path, query or body. Nothing that the contract does not name gets through. */
import { z } from "zod";
import { type FieldError, invalidArgument } from "../../../lib/errors.ts";
import { type FileInput, namesInPath, type Route } from "./route.ts";

type Params = Record<string, unknown>;
export type Type = "integer" | "number" | "boolean" | "string";

/** What of a request the params come from. */
export interface Sources {
  path: Readonly<Record<string, string>>;
  /** What follows the `?`, undecoded. */
  query: string;
  /** Undefined where there is none. */
  body: unknown;
  /** The fields of a form, and the upload made of its file. */
  form?: { fields: Record<string, string>; upload: string | undefined };
}

/**
 * Made once a route, called once a request.
 * @throws INVALID_ARGUMENT that names each field which is unknown, in the path too, or there twice
 */
export function paramsReader(route: Route): (sources: Sources) => Params {
  const types = fieldTypes(route.params);
  const inPath = namesInPath(route.path).map((name) => [name, route.renamed[name] ?? name] as const);
  const ofPath = inPath.map(([name, param]) => ({ name, param, type: types.get(param) ?? "string" }));
  for (const [, param] of inPath) types.delete(param);
  if (route.input === "none") types.clear();
  const none: ReadonlyMap<string, Type> = new Map();
  const inQuery = route.input === "query" ? types : none;
  const { file } = route;
  if (file) types.delete(file.param);
  const inBody = route.input === "body" || file?.optional ? types : none;

  return ({ path, query, body, form }) => {
    const params = { ...(query === "" ? {} : readQuery(query, inQuery)), ...readBody(body, inBody) };
    if (file && form) Object.assign(params, readForm(form, types, file));
    for (const { name, param, type } of ofPath) params[param] = coerce(path[name] ?? "", type);
    return params;
  };
}

/** The fields of a contract's params, and of what type they are, as its JSON schema tells. */
export function fieldTypes(params: z.ZodType): Map<string, Type> {
  const { properties = {} } = z.toJSONSchema(params, { io: "input", unrepresentable: "any" });
  return new Map(
    Object.entries(properties).map(([name, schema]) => {
      const type = typeof schema === "object" ? schema.type : undefined;
      return [name, type === "integer" || type === "number" || type === "boolean" ? type : "string"];
    }),
  );
}

function readQuery(query: string, types: ReadonlyMap<string, Type>): Params {
  const params: Params = {};
  const errors: FieldError[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const type = types.get(name);
    if (type === undefined) errors.push({ path: name, message: "unknown query parameter" });
    else if (Object.hasOwn(params, name)) errors.push({ path: name, message: "is given more than once" });
    else params[name] = coerce(decode(at < 0 ? "" : pair.slice(at + 1)), type);
  }
  refuse(errors);
  return params;
}

function readBody(body: unknown, types: ReadonlyMap<string, Type>): Params {
  if (body === undefined) return {};
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidArgument("The body must be a JSON object.");
  }
  refuse(
    Object.keys(body)
      .filter((name) => !types.has(name))
      .map((path) => ({ path, message: "unknown field" })),
  );
  return body as Params;
}

function readForm(
  { fields, upload }: NonNullable<Sources["form"]>,
  types: ReadonlyMap<string, Type>,
  { field, param, optional }: FileInput,
): Params {
  const unknown = Object.keys(fields).filter((name) => !types.has(name));
  refuse(unknown.map((path) => ({ path, message: "unknown field" })));
  if (upload === undefined && !optional) refuse([{ path: field, message: "is needed, as a file" }]);
  const params = Object.entries(fields).map(([name, text]) => [
    name,
    coerce(text, types.get(name) ?? "string"),
  ]);
  return { ...Object.fromEntries(params), ...(upload === undefined ? {} : { [param]: upload }) };
}

/** Without zeros in front: of one value there is one text, and of a signed URL one URL. */
const INTEGER = /^-?(?:0|[1-9][0-9]{0,19})$/;
const NUMBER = /^-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?$/;

/** What is not of the type stays as it came, for the contract to refuse. */
export function coerce(text: string, type: Type): unknown {
  if (type === "boolean") return text === "true" || (text === "false" ? false : text);
  if (type === "string") return text;
  return (type === "integer" ? INTEGER : NUMBER).test(text) ? Number(text) : text;
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalidArgument("The query has a percent sign that does not encode UTF-8.");
  }
}

function refuse(errors: FieldError[]): void {
  if (errors.length === 0) return;
  // A hostile request may have thousands.
  const first = errors.slice(0, 20);
  throw invalidArgument(first.map(({ path, message }) => `${path}: ${message}`).join("; "), first);
}

/** What the OpenAPI document says of the older dialects, made from their tables. */
import { type ErrorCode, STATUS } from "../../../lib/errors.ts";
import { parameter, type Schemas } from "../openapi.ts";
import { namesInPath } from "../rest/route.ts";
import type { Dialect, DialectRoute } from "./dialect.ts";

type Json = Record<string, unknown>;
type Content = Record<string, { schema: Json }>;

interface Operation extends Json {
  responses: Record<string, Json>;
  requestBody?: { required: boolean; content: Content };
}

/** path → method → operation. Of a path that several dialects have, one that says what each takes and answers. */
export function dialectPaths(dialects: readonly Dialect[], schemas: Schemas): Record<string, Json> {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const method = route.method.toLowerCase();
      const methods = paths[route.path] ?? {};
      const said = operation(dialect, route, schemas);
      const other = methods[method];
      paths[route.path] = { ...methods, [method]: other ? merged(other, said) : said };
    }
  }
  return paths;
}

function operation(dialect: Dialect, route: DialectRoute, schemas: Schemas): Operation {
  const { properties, required } = schemas.input(route.takes);
  const inPath = namesInPath(route.path);
  const parameters = [
    ...inPath.map((name) => parameter("path", name, properties[name], true)),
    ...route.query.map((name) => parameter("query", name, properties[name], required.includes(name))),
  ];
  const content = contentOf(route, properties, required);
  return {
    operationId: [dialect.name, route.method.toLowerCase(), ...(route.path.match(/\w+/g) ?? [])].join("-"),
    summary: route.summary,
    tags: [dialect.name],
    security: securityOf(dialect, route),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(Object.keys(content).length > 0
      ? {
          requestBody: {
            required: route.method !== "GET" || required.some((name) => !inPath.includes(name)),
            content,
          },
        }
      : {}),
    responses: responsesOf(dialect, route, schemas),
  };
}

function securityOf({ cookie }: Dialect, { access }: DialectRoute): object[] {
  if (access === "anyone") return [];
  const ways = [{ bearer: [] }, ...(cookie === undefined ? [] : [{ cookie: [] }])];
  return access === "optional" ? [{}, ...ways] : ways;
}

function contentOf(
  { body, file, example }: DialectRoute,
  properties: Record<string, Json>,
  required: string[],
): Content {
  const content: Content = {};
  const schemaOf = (names: readonly string[], more: Record<string, Json> = {}) => ({
    type: "object",
    properties: { ...Object.fromEntries(names.map((name) => [name, properties[name] ?? {}])), ...more },
    ...requiredAmong([...names, ...Object.keys(more)], required),
  });
  if (file) {
    const image = { [file.field]: { type: "string", contentMediaType: "application/octet-stream" } };
    const needed = file.optional ? required : [...required, file.field];
    content["multipart/form-data"] = {
      schema: { ...schemaOf(body, image), ...requiredAmong([...body, file.field], needed) },
    };
  }
  if (body.length > 0 && (!file || file.optional)) {
    content["application/json"] = { schema: schemaOf(body), ...(example ? { example } : {}) };
  }
  return content;
}

function requiredAmong(names: readonly string[], required: readonly string[]): { required?: string[] } {
  const needed = names.filter((name) => required.includes(name));
  return needed.length > 0 ? { required: needed } : {};
}

function responsesOf(dialect: Dialect, route: DialectRoute, schemas: Schemas): Record<string, Json> {
  const { errors } = dialect;
  const takesBody = route.body.length > 0 || route.file !== undefined;
  const statuses = new Set<number>([
    ...[400, 429, 500, 503, 504],
    ...(errors.malformed ? [errors.malformed] : []),
    ...(route.statuses.INVALID_ARGUMENT ? [route.statuses.INVALID_ARGUMENT] : []),
    ...(route.access === "user" ? [401] : []),
    ...(dialect.cookie !== undefined && route.method !== "GET" ? [403] : []),
    ...(takesBody ? [408, 413] : []),
    ...(route.file ? [415] : []),
    ...route.problems.map((code: ErrorCode) => route.statuses[code] ?? usualStatus(code)),
  ]);
  const refusal = {
    description: "Refused, or not served",
    content: { [errors.contentType]: { schema: schemas.output(errors.schema) } },
  };
  return {
    [route.status]: {
      description: route.status === 201 ? "Made" : "Done",
      content: { "application/json": { schema: schemas.output(route.answers) } },
    },
    ...Object.fromEntries([...statuses].map((status) => [status, refusal])),
  };
}

/** The originals know no 412: what somebody else changed meanwhile is a conflict to them. */
export const usualStatus = (code: ErrorCode): number => (code === "FAILED_PRECONDITION" ? 409 : STATUS[code]);

/** Both take the path: what comes in decides which of them answers. */
function merged(one: Operation, other: Operation): Operation {
  const statuses = new Set([...Object.keys(one.responses), ...Object.keys(other.responses)]);
  const contentOfBoth = (a: Json | undefined, b: Json | undefined) =>
    eitherContent((a?.content ?? {}) as Content, (b?.content ?? {}) as Content);
  const body = eitherContent(one.requestBody?.content ?? {}, other.requestBody?.content ?? {});
  return {
    ...one,
    summary: `${one.summary}; or: ${other.summary}`,
    tags: [...new Set([...(one.tags as string[]), ...(other.tags as string[])])],
    security: mergedBy(JSON.stringify, one.security as object[], other.security as object[]),
    ...(Object.keys(body).length > 0 ? { requestBody: { required: true, content: body } } : {}),
    responses: Object.fromEntries(
      [...statuses].map((status) => [
        status,
        {
          description: one.responses[status]?.description ?? other.responses[status]?.description,
          content: contentOfBoth(one.responses[status], other.responses[status]),
        },
      ]),
    ),
  };
}

function eitherContent(one: Content, other: Content): Content {
  const both: Content = { ...one };
  for (const [type, content] of Object.entries(other)) {
    const known = both[type];
    if (!known) both[type] = content;
    else {
      const all = mergedBy(JSON.stringify, alternatives(known.schema), alternatives(content.schema));
      both[type] = { ...known, schema: all.length === 1 ? known.schema : { anyOf: all } };
    }
  }
  return both;
}

const alternatives = (schema: Json): Json[] =>
  Array.isArray(schema.anyOf) && Object.keys(schema).length === 1 ? (schema.anyOf as Json[]) : [schema];

const mergedBy = <T>(keyOf: (each: T) => string, one: T[], other: T[]): T[] => [
  ...new Map([...one, ...other].map((each) => [keyOf(each), each])).values(),
];

export const securitySchemesOf = (dialects: readonly Dialect[]): Json =>
  Object.fromEntries(
    dialects.flatMap(({ cookie }) =>
      cookie === undefined ? [] : [["cookie", { type: "apiKey", in: "cookie", name: cookie }]],
    ),
  );

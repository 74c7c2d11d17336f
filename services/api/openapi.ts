/** The OpenAPI 3.1 document, made from the route tables and the contracts: it can't differ from what is served. */
import { z } from "zod";
import { type ErrorCode, STATUS } from "../../lib/errors.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { dialectPaths, securitySchemesOf } from "./dialects/openapi.ts";
import { problemResponse, problemSchema } from "./openapi-problems.ts";
import { namesInPath, type Route } from "./rest/route.ts";

type Json = Record<string, unknown>;

const TAGS: Readonly<Record<string, string>> = {
  auth: "Registering, signing in and out",
  sessions: "Where an account is signed in",
  account: "What one signs in with",
  profiles: "How users show themselves to others",
  friends: "Friend requests and friendships",
  follows: "Whom one follows, and who follows",
  blocks: "Whom one wants nothing to do with",
  chats: "Direct chats and their messages",
  rooms: "Rooms, who is in them, and their messages",
  posts: "Posts, their search, and the feed",
  photos: "Photos and avatars",
};

const PROBLEMS: Readonly<Record<string, string>> = {
  "400": "The request is malformed; `errors` says where",
  "401": "No access token, or not a valid one; or the credentials are wrong",
  "403": "The caller may not do this",
  "404": "There is no such thing, or not for the caller",
  "409": "It conflicts with what is there",
  "412": "It was changed by another request meanwhile",
  "408": "The body took too long to arrive",
  "413": "The body is too large",
  "415": "The body is of another type",
  "416": "There are no such bytes",
  "429": "Too much; try again after `retry_after` seconds",
  "500": "A fault of the server",
  "503": "A part is not available now; try again after `retry_after` seconds",
  "504": "It took too long",
};

export interface Described {
  /** Of `/v1`. */
  routes: readonly Route[];
  dialects?: readonly Dialect[];
  /** Where clients reach the gateway; by default where they read the document. */
  publicUrl?: string | undefined;
}

export function openApiDocument({ routes, dialects = [], publicUrl }: Described): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = dialectPaths(dialects, schemas);
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, schemas) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Veche",
      version: "1",
      summary: "A social network and messenger",
      description:
        "Lists take `limit` and `cursor` and answer `next_cursor`, null on the last page. " +
        "Times are milliseconds since 1970, UTC. Errors are problem details (RFC 9457) with a `code` for programs. " +
        "Every answer carries `X-Request-Id`; name it when you report a fault.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: publicUrl?.replace(/\/$/, "") ?? "/" }],
    tags: [
      ...[...new Set(routes.map(({ tag }) => tag))].map((name) => ({
        name,
        description: TAGS[name] ?? name,
      })),
      ...dialects.map(({ name, description }) => ({ name, description })),
    ],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "The `access_token` of register, login or refresh",
        },
        signedUrl: {
          type: "apiKey",
          in: "query",
          name: "sig",
          description: "With `exp`, as in the URLs of photos that answers carry",
        },
        ...securitySchemesOf(dialects),
      },
      schemas: { ...schemas.components, Problem: problemSchema },
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, description]) => [
          `Problem${status}`,
          problemResponse(description),
        ]),
      ),
    },
  };
}

function operation(route: Route, schemas: Schemas): Json {
  const { properties, required, description, $defs: _, ...rest } = schemas.input(route.params);
  const renamed = new Map(Object.entries(route.renamed));
  const inPath = namesInPath(route.path);
  const pathParams = inPath.map((name) => renamed.get(name) ?? name);
  const others = Object.fromEntries(
    Object.entries(properties).filter(([name]) => !pathParams.includes(name)),
  );
  const needed = required.filter((name) => !pathParams.includes(name));

  const examples: Json = { ...route.example };
  const parameters = [
    ...inPath.map((name, at) => {
      const param = pathParams[at] ?? name;
      return parameter("path", name, properties[param], true, examples[param]);
    }),
    ...(route.input === "query"
      ? Object.entries(others).map(([name, schema]) =>
          parameter("query", name, schema, needed.includes(name), examples[name]),
        )
      : []),
    ...(route.stream ? [LAST_EVENT_ID] : []),
  ];
  const bodies =
    Object.keys(others).length > 0 ? bodiesOf(route, { ...rest, properties: others, required: needed }) : {};
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(description === undefined ? {} : { description }),
    tags: [route.tag],
    security: route.open ? [] : [{ bearer: [] }, ...(route.bytes ? [{ signedUrl: [] }] : [])],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(Object.keys(bodies).length > 0 ? { requestBody: { required: true, content: bodies } } : {}),
    responses: responses(route, schemas),
  };
}

function responses(route: Route, schemas: Schemas): Json {
  const statuses = new Set<number>([
    // Of a route without input too: what it does not take is refused.
    400,
    ...(route.open ? [] : [401]),
    ...(route.method === "GET" || route.input === "query" ? [] : [413, 415]),
    ...(route.file ? [408] : []),
    ...(route.bytes ? [416] : []),
    ...route.problems.map((code: ErrorCode) => STATUS[code]),
    ...[429, 500, 503, 504],
  ]);
  const schema = schemas.output(route.result);
  const empty = schema.type === "null" || route.status === 204;
  return {
    [route.status]: {
      description: DONE[route.status],
      ...(route.location ? { headers: { Location: LOCATION } } : {}),
      ...(empty ? {} : { content: contentOf(route, schema) }),
    },
    ...(route.bytes
      ? { 206: { description: "A part", content: IMAGES }, 304: { description: "Unchanged" } }
      : {}),
    ...Object.fromEntries(
      [...statuses].map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
    ),
  };
}

interface Fields {
  properties: Record<string, Json>;
  required: string[];
}

function bodiesOf({ input, file, example }: Route, { properties, required, ...rest }: Json & Fields): Json {
  const schemaOf = (fields: Record<string, Json>, needed: string[]) => ({
    ...{ ...rest, properties: fields },
    ...(needed.length > 0 ? { required: needed } : {}),
  });
  const bodies: Json = {};
  const { [file?.param ?? ""]: _, ...plain } = properties;
  if (input === "body" || file?.optional) {
    const needed = required.filter((name) => name !== file?.param);
    const ofBody = Object.entries(example ?? {}).filter(([name]) => Object.hasOwn(plain, name));
    const shown = ofBody.length > 0 ? { example: Object.fromEntries(ofBody) } : {};
    bodies["application/json"] = { schema: schemaOf(plain, needed), ...shown };
  }
  if (file) {
    const needed = required.map((name) => (name === file.param ? file.field : name));
    const image = { type: "string", contentMediaType: "application/octet-stream" };
    bodies["multipart/form-data"] = { schema: schemaOf({ ...plain, [file.field]: image }, needed) };
  }
  return bodies;
}

function contentOf(route: Route, schema: Json): Json {
  if (route.bytes) return IMAGES;
  const { answer } = route;
  const example = answer === undefined ? {} : { example: answer };
  return route.stream ? EVENT_STREAM : { "application/json": { schema, ...example } };
}

const IMAGES = Object.fromEntries(
  ["image/jpeg", "image/png", "image/webp", "image/gif"].map((type) => [
    type,
    { schema: { type: "string", contentMediaType: type } },
  ]),
);

const DONE = { 200: "Done", 201: "Made", 202: "Accepted: it goes on by itself", 204: "Done" } as const;

const EVENT_STREAM = {
  "text/event-stream": {
    schema: { type: "string", description: "Events as the HTML standard says; docs/realtime.md tells more" },
  },
};

const LAST_EVENT_ID = parameter(
  "header",
  "Last-Event-ID",
  { type: "string", pattern: "^[0-9]{1,16}$", description: "the last id received: begin behind it" },
  false,
);

const LOCATION = { description: "The path of what was made", schema: { type: "string" } };

export function parameter(
  where: "path" | "query" | "header",
  name: string,
  schema: Json = { type: "string" },
  required: boolean,
  example?: unknown,
) {
  const { description, ...rest } = schema;
  return {
    ...{ name, in: where, required },
    ...(description === undefined ? {} : { description }),
    schema: rest,
    ...(example === undefined ? {} : { example }),
  };
}

interface ObjectSchema extends Json {
  properties: Record<string, Json>;
  required: string[];
}

/** Turns Zod schemas into JSON schemas, and gathers those that have an id of their own. */
export class Schemas {
  readonly components: Record<string, Json> = {};

  input(schema: z.ZodType): ObjectSchema {
    const { properties = {}, required = [], ...rest } = this.#convert(schema, "input");
    return { ...rest, properties: properties as Record<string, Json>, required: required as string[] };
  }

  output(schema: z.ZodType): Json {
    return this.#convert(schema, "output");
  }

  #convert(schema: z.ZodType, io: "input" | "output"): Json {
    const converted = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      override: ({ jsonSchema }) => simplify(jsonSchema, io),
    });
    const moved = JSON.parse(
      JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/'),
    ) as Json;
    const { $schema: _, $defs = {}, ...rest } = moved;
    Object.assign(this.components, $defs);
    return rest;
  }
}

/** Says nothing that is true of every integer, and lets answers grow: clients must not refuse a new field. */
function simplify(schema: z.core.JSONSchema.BaseSchema, io: "input" | "output"): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (io === "output") delete schema.additionalProperties;
}

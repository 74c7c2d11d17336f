// Holds the answers of `/v1` against the OpenAPI document that the same server serves.
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { DIALECTS } from "../../lib/dialects.ts";

export interface Schema {
  [keyword: string]: unknown;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  pattern?: string;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  schema: Schema;
}

type Content = Record<string, { schema: Schema; example?: unknown }>;

interface ResponseObject {
  $ref?: string;
  headers?: Record<string, unknown>;
  content?: Content;
}

interface OperationObject {
  operationId: string;
  tags: string[];
  security: object[];
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, ResponseObject>;
}

export interface OpenApi {
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, ResponseObject> };
}

/** One route as the document describes it. */
export interface Operation {
  /** `GET /v1/chats/{id}` */
  key: string;
  method: string;
  path: string;
  open: boolean;
  /** The older dialect that it is of; undefined of `/v1`. */
  dialect: string | undefined;
  /** Whether a cookie can stand for the token. */
  cookie: boolean;
  parameters: Parameter[];
  /** Of a JSON body; undefined where the route takes none. */
  body: Schema | undefined;
  /** Of a form; undefined where the route takes none. */
  form: Schema | undefined;
  example: unknown;
  responses: Record<string, ResponseObject>;
}

/** What of an answer can be held against the document. */
export interface Checkable {
  status: number;
  headers: Headers;
  /** Parsed; null where there is none. */
  body: unknown;
}

/** Members of problems that belong to single errors; the document says that there are such, and not which. */
const PROBLEM_EXTENSIONS = ["chat_id", "friend_request_id"];
const JSON_TYPE = "application/json";
const PROBLEM_TYPE = "application/problem+json";

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags, security, parameters = [], requestBody, responses }]) => {
      const { schema, example } = requestBody?.content[JSON_TYPE] ?? {};
      // Of a path that several dialects have, what the first of them takes.
      const [body = schema] = (schema?.anyOf ?? []) as Schema[];
      return {
        key: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        open: security.length === 0 || security.some((way) => Object.keys(way).length === 0),
        dialect: tags.find((tag) => (DIALECTS as readonly string[]).includes(tag)),
        cookie: security.some((way) => "cookie" in way),
        parameters,
        body,
        form: requestBody?.content["multipart/form-data"]?.schema,
        example,
        responses,
      };
    }),
  );
}

/** The path with its `{names}` replaced by what can stand in a URL. */
export const fillPath = (path: string, paramOf: (name: string) => string): string =>
  path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => paramOf(name));

/** Turns schemas of the document into checks; each is compiled when it is first needed. */
export class Schemas {
  readonly #ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  readonly #compiled = new Map<Schema, ValidateFunction>();

  /** @param adapt changes a component's schema before it is compiled */
  constructor({ components }: OpenApi, adapt: (schema: Schema, name: string) => Schema = (schema) => schema) {
    // Zod writes a pattern beside each of these, or the contract checks more than the format says.
    for (const format of ["uuid", "email", "date", "date-time", "uri", "binary"])
      this.#ajv.addFormat(format, true);
    for (const name of Object.keys(components.schemas)) {
      this.#ajv.addSchema(withLocalRefs(adapt(components.schemas[name] ?? {}, name)), component(name));
    }
  }

  compile(schema: Schema): ValidateFunction {
    const known = this.#compiled.get(schema);
    if (known) return known;
    const compiled = this.#ajv.compile(withLocalRefs(schema));
    this.#compiled.set(schema, compiled);
    return compiled;
  }

  /** What is wrong with a value, one line a fault. */
  faultsOf(schema: Schema, value: unknown): string[] {
    const validate = this.compile(schema);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${instancePath || "the body"} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** Says what in an answer is not as the document says. */
export class AnswerCheck {
  readonly operations: Operation[];
  readonly #document: OpenApi;
  readonly #schemas: Schemas;
  readonly #closed = new Map<Schema, Schema>();
  readonly #patterns: [Operation, RegExp][];

  constructor(document: OpenApi) {
    this.#document = document;
    this.operations = operationsOf(document);
    this.#schemas = new Schemas(document, (schema, name) =>
      closed(name === "Problem" ? withExtensions(schema) : schema),
    );
    // A fixed path beats one with params, as in the gateway.
    this.#patterns = this.operations
      .map((operation): [Operation, RegExp] => [operation, patternOf(operation.path)])
      .sort(([a], [b]) => Number(a.path.includes("{")) - Number(b.path.includes("{")));
  }

  /** @param target path and query @returns one line a fault; none where the answer is as documented */
  faultsOf(method: string, target: string, answer: Checkable): string[] {
    const [path = ""] = target.split("?", 1);
    const operation = this.#find(method === "HEAD" ? "GET" : method, path);
    const response = operation ? operation.responses[answer.status] : this.#withoutRoute(method, answer);
    if (!response) return [`${answer.status} is not documented`];
    const resolved = this.#resolve(response);
    return [
      ...headerFaults(resolved, answer),
      ...(method === "HEAD" ? [] : this.#bodyFaults(resolved, answer)),
    ];
  }

  #find(method: string, path: string): Operation | undefined {
    return this.#patterns.find(
      ([operation, pattern]) => operation.method === method && pattern.test(path),
    )?.[0];
  }

  /** Where there is no such route the document has nothing to say, but that problems look alike everywhere. */
  #withoutRoute(method: string, { status }: Checkable): ResponseObject | undefined {
    if (method === "OPTIONS" && status === 204) return {};
    return status >= 400 && status < 500 ? { $ref: "#/components/responses/Problem404" } : undefined;
  }

  #resolve(response: ResponseObject): ResponseObject {
    if (response.$ref === undefined) return response;
    const name = response.$ref.slice(response.$ref.lastIndexOf("/") + 1);
    const found = this.#document.components.responses[name];
    if (!found) throw new Error(`The document has no response ${name}`);
    return found;
  }

  #bodyFaults({ content = {} }: ResponseObject, { headers, body }: Checkable): string[] {
    const [type = "none"] = (headers.get("content-type") ?? "none").split(";");
    if (Object.keys(content).length === 0)
      return body === null ? [] : ["has a body where none is documented"];
    const schema = content[type]?.schema;
    if (!schema) return [`${type} is not documented, but ${Object.keys(content).join(", ")}`];
    if (type !== JSON_TYPE && type !== PROBLEM_TYPE) return [];
    return this.#schemas.faultsOf(this.#close(schema), body);
  }

  #close(schema: Schema): Schema {
    const known = this.#closed.get(schema) ?? closed(schema);
    this.#closed.set(schema, known);
    return known;
  }
}

/** What every answer of a kind must carry, and what the document promises for this one. */
function headerFaults(
  { headers: promised = {} }: ResponseObject,
  { status, headers, body }: Checkable,
): string[] {
  const { retry_after } = (body ?? {}) as { retry_after?: unknown };
  const needed = [
    "x-request-id",
    ...Object.keys(promised),
    ...(status === 401 ? ["www-authenticate"] : []),
    ...(status === 405 ? ["allow"] : []),
    ...(status === 429 || retry_after !== undefined ? ["retry-after"] : []),
  ];
  return needed.filter((name) => !headers.has(name)).map((name) => `has no ${name} header`);
}

/**
 * Documents leave answers open so that they can grow; a test wants to hear of a property that none announces. What says
 * by itself whether it is open stays so, as do the members of an `allOf`, which don't see each other's properties.
 */
function closed(schema: Schema): Schema {
  const inner = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [
      keyword,
      keyword === "allOf" ? value : closedIn(value),
    ]),
  );
  const open = schema.properties !== undefined && schema.additionalProperties === undefined;
  return open ? { ...inner, unevaluatedProperties: false } : inner;
}

function closedIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closedIn);
  return typeof value === "object" && value !== null ? closed(value as Schema) : value;
}

const withExtensions = (schema: Schema): Schema => ({
  ...schema,
  properties: { ...schema.properties, ...Object.fromEntries(PROBLEM_EXTENSIONS.map((name) => [name, {}])) },
});

const component = (name: string) => `veche:${name}`;

const withLocalRefs = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"veche:')) as Schema;

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{[^}]+\}/g, "[^/]*")}$`);

/** @param dialect one of the older ones, alone; else all there is */
export async function fetchDocument(baseUrl: string, dialect?: string): Promise<OpenApi> {
  const query = dialect === undefined ? "" : `?dialect=${dialect}`;
  const answer = await fetch(`${baseUrl}/openapi.json${query}`, { signal: AbortSignal.timeout(20_000) });
  if (answer.status !== 200) throw new Error(`/openapi.json answered ${answer.status}`);
  return (await answer.json()) as OpenApi;
}

const checks = new Map<string, Promise<AnswerCheck>>();

/** @throws Error that says what in an answer is not as the server's own document says */
export async function expectDocumented(
  baseUrl: string,
  method: string,
  target: string,
  answer: Checkable,
  dialect?: string,
) {
  const key = `${baseUrl} ${dialect}`;
  let check = checks.get(key);
  if (!check) {
    check = fetchDocument(baseUrl, dialect).then((document) => new AnswerCheck(document));
    checks.set(key, check);
    check.catch(() => checks.delete(key));
  }
  const faults = await check.then(
    (known) => known.faultsOf(method, target, answer),
    (error: unknown) => {
      // The server went away, or was stopped, right after it answered: there is nobody to ask.
      const { name, message } = error as Error;
      if (name === "TimeoutError" || message === "fetch failed" || message === "terminated") return [];
      throw error;
    },
  );
  if (faults.length > 0) {
    throw new Error(
      `${method} ${target} answered ${answer.status}, not as documented: ${faults.join("; ")}\n${JSON.stringify(answer.body)}`,
    );
  }
}

/**
 * One of the older dialects: a table of routes over the actions that `/v1` has too, and how it says what went wrong. A row says
 * what it takes, which actions it asks and how their answers look in this dialect; it decides nothing.
 */
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { ActionName, Caller, ParamsOf, ResultOf } from "../../../lib/contract.ts";
import type { Dialect as DialectName } from "../../../lib/dialects.ts";
import type { ErrorCode } from "../../../lib/errors.ts";
import type { Problem } from "../problem.ts";
import type { FileInput, Method } from "../rest/route.ts";

/** Calls an action for the caller of the request, or for somebody who has just signed in. */
export type Ask = <N extends ActionName>(action: N, params: ParamsOf<N>, as?: Caller) => Promise<ResultOf<N>>;

export interface DialectRequest<I> {
  input: I;
  ask: Ask;
  /** Undefined where the route serves others too, and this is one. */
  caller: Caller | undefined;
  /** The file of the form, as an upload; undefined where it may be left out, and was. */
  upload: string | undefined;
  /** Whose token it is: of one that was just made. */
  callerOf(accessToken: string): Caller;
  /** The header `Authorization`, without `Bearer`. */
  bearer: string;
  /** What said who it is. */
  signedInBy: "cookie" | "token" | undefined;
  /** Whether clients come by HTTPS, as far as `PUBLIC_URL` tells. */
  secure: boolean;
  setHeader(name: string, value: string): void;
}

/** What of a request decides which of two dialects it is of. */
export interface Sighted {
  req: IncomingMessage;
  /** Undefined where there is none, or not in JSON. */
  body: unknown;
}

interface RouteSpec<I extends z.ZodObject, O extends z.ZodType> {
  method: Method;
  /** `{x}` becomes the input `x`. */
  path: string;
  summary: string;
  /** Whom it serves. `optional`: everybody, and it matters who it is. Default: users. */
  access?: "anyone" | "optional" | "user";
  takes: I;
  /** Fields that come in the query. Default: with GET all that are not in the path, else none. */
  query?: readonly (keyof I["shape"] & string)[];
  /** Fields that come in a JSON body. Default: with GET none, else all that are neither in the path nor in the query. */
  body?: readonly (keyof I["shape"] & string)[];
  file?: Pick<FileInput, "field" | "optional" | "formats">;
  /** A list of what all users have, in one answer: only so many are made at once. */
  unpaged?: true;
  answers: O;
  status?: 200 | 201;
  /** Codes of its actions that have another status here than usually. */
  statuses?: Partial<Record<ErrorCode, number>>;
  /** What can go wrong besides what can on every route of its kind. */
  problems?: readonly ErrorCode[];
  /** Of a path that two dialects have: which requests are for this one. Default: the others. */
  when?(request: Sighted): boolean;
  example?: z.input<I>;
  serve(request: DialectRequest<z.output<I>>): Promise<z.input<O>>;
}

export interface DialectRoute {
  method: Method;
  path: string;
  summary: string;
  access: "anyone" | "optional" | "user";
  takes: z.ZodObject;
  query: readonly string[];
  body: readonly string[];
  file?: Pick<FileInput, "field" | "optional" | "formats">;
  unpaged?: true;
  answers: z.ZodType;
  status: 200 | 201;
  statuses: Partial<Record<ErrorCode, number>>;
  problems: readonly ErrorCode[];
  when?(request: Sighted): boolean;
  example?: object;
  serve(request: DialectRequest<unknown>): Promise<unknown>;
}

export interface ErrorForm {
  contentType: "application/json" | "text/plain";
  /** Of the body, for the documentation. */
  schema: z.ZodType;
  /** Of what is wrong with the request itself, before any action was asked. Default: that of the problem. */
  malformed?: 422;
  /** @param malformed whether the request itself was wrong, in which part */
  bodyOf(problem: Problem, malformed: "body" | "query" | undefined): unknown;
}

export interface Dialect {
  name: DialectName;
  /** One line, for the documentation. */
  description: string;
  /** Field names match whatever their case. */
  anyCase?: boolean;
  /** A cookie whose value stands for an access token. */
  cookie?: string;
  errors: ErrorForm;
  routes: readonly DialectRoute[];
}

/** A row of a table; its types come from what it takes and answers. */
export function route<I extends z.ZodObject, O extends z.ZodType>(spec: RouteSpec<I, O>): DialectRoute {
  const fields = Object.keys(spec.takes.shape).filter((name) => !spec.path.includes(`{${name}}`));
  const query = spec.query ?? (spec.method === "GET" && !spec.body ? fields : []);
  const rest = fields.filter((name) => !(query as readonly string[]).includes(name));
  const row = {
    ...spec,
    access: spec.access ?? "user",
    query,
    body: spec.body ?? (spec.method === "GET" ? [] : rest),
    status: spec.status ?? 200,
    statuses: spec.statuses ?? {},
    problems: spec.problems ?? [],
  };
  // What `serve` gets was parsed by `takes`.
  return row as unknown as DialectRoute;
}

/** One route of `/v1`: which action answers a method and path, where its params come from, and how it answers. */
import type { z } from "zod";
import type { ActionName, ParamsOf, ResultOf } from "../../../lib/contract.ts";
import type { ErrorCode } from "../../../lib/errors.ts";
import { contractOf } from "../contracts.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Where the params come from that are not in the path. */
export type Input = "query" | "body" | "multipart" | "none";

/** The one file of a multipart form. */
export interface FileInput {
  /** Its name in the form. */
  field: string;
  /** The param that gets the upload which was made of it: see `v1.photo.keepUpload`. */
  param: string;
  /** Then the other fields may come as JSON too. */
  optional?: boolean;
  /** What the image may be. Default: whatever is taken. */
  formats?: readonly ("jpeg" | "png")[];
}

interface RouteSpec<N extends ActionName> {
  method: Method;
  /** `{x}` becomes the param `x`. */
  path: string;
  action: N;
  summary: string;
  /** Default: the query of GET and DELETE, else a JSON body. */
  input?: Input;
  /** Needed with the input `multipart`. */
  file?: FileInput;
  /** Params whose name in the path is another one: `{ user_id: "id" }`. */
  renamed?: Readonly<Record<string, keyof ParamsOf<N> & string>>;
  /** What stands in for params that the client left out. */
  fill?(): Partial<ParamsOf<N>>;
  status?: 200 | 201 | 202 | 204;
  /** Needed with 201: the path of what was made. */
  location?(result: ResultOf<N>): string;
  headers?(result: ResultOf<N>): Record<string, string>;
  /** Default: the action's name without its service. */
  operationId?: string;
  /** What can go wrong besides what can on every route of its kind. */
  problems?: readonly ErrorCode[];
  example?: Partial<ParamsOf<N>>;
  /** Answers server-sent events of a conversation; the action says who may, and from where. */
  stream?: boolean;
  /** Answers the bytes of what the action tells about. Serves callers without a token too, where the query is signed. */
  bytes?: boolean;
}

export interface Route
  extends Omit<RouteSpec<ActionName>, "location" | "headers" | "example" | "renamed" | "fill"> {
  tag: string;
  input: Input;
  status: 200 | 201 | 202 | 204;
  operationId: string;
  problems: readonly ErrorCode[];
  renamed: Readonly<Record<string, string>>;
  /** Whether it serves callers without a token. A token that comes all the same is not looked at. */
  open: boolean;
  params: z.ZodType;
  result: z.ZodType;
  fill?(): object;
  location?(result: unknown): string;
  headers?(result: unknown): Record<string, string>;
  example?: object;
}

/** @param tag the group of the route in the documentation */
export const routesOf =
  (tag: string) =>
  <N extends ActionName>(spec: RouteSpec<N>): Route => {
    const { audience, params, result } = contractOf(spec.action);
    if (audience === "services")
      throw new Error(`${spec.action} is for services only: no route may lead to it`);
    return {
      ...spec,
      tag,
      open: audience === "anyone" && spec.bytes !== true,
      params,
      result,
      input: spec.input ?? (spec.method === "GET" || spec.method === "DELETE" ? "query" : "body"),
      status: spec.status ?? 200,
      operationId: spec.operationId ?? spec.action.slice(spec.action.lastIndexOf(".") + 1),
      problems: spec.problems ?? [],
      renamed: spec.renamed ?? {},
    };
  };

/** The names between braces of a path. */
export const namesInPath = (path: string): string[] =>
  [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => name);

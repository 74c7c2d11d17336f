/** What happens to a request of `/v1` once its route is found: who are you, what do you want, call, answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "moleculer";
import { call, type Meta, type ParamsOf } from "../../../lib/contract.ts";
import { invalidArgument, unavailable } from "../../../lib/errors.ts";
import { KEEP_WITHIN_MS } from "../../photo/photo.contract.ts";
import type { Gateway } from "../gateway.ts";
import { hasBody, readJsonBody } from "../json-body.ts";
import { isForm } from "../multipart.ts";
import { HttpError } from "../problem.ts";
import type { Realtime } from "../realtime/realtime.ts";
import { answerBytes } from "./bytes.ts";
import { paramsReader } from "./params.ts";
import type { Route } from "./route.ts";
import { answerStream } from "./streams.ts";
import { withUpload } from "./uploads.ts";

/** A request as moleculer-web hands it to an alias. */
export interface RoutedRequest extends IncomingMessage {
  $ctx: Context<unknown, Meta>;
  $params: { params: Record<string, string> };
  originalUrl: string;
}

/** Undefined until the gateway has started. */
type RealtimeOf = () => Pick<Realtime, "stream"> | undefined;

const MAX_DEVICE = 256;
/** Of the request's deadline. A body that takes longer is the client's slowness (408), not ours (504). */
export const BODY_SHARE = 0.8;

/** `"GET /v1/chats/:id": …` for moleculer-web. */
export const restAliases = (routes: readonly Route[], gateway: Gateway, realtime: RealtimeOf) =>
  Object.fromEntries(
    routes.map((route) => [
      `${route.method} ${route.path.replaceAll(/\{([^}]+)\}/g, ":$1")}`,
      endpoint(route, gateway, realtime),
    ]),
  );

/**
 * An alias of moleculer-web with a function, not with an action's name: for a name moleculer-web picks the node before
 * the params are there, which defeats sharding by a param and pins retries to one node.
 */
function endpoint(route: Route, gateway: Gateway, realtime: RealtimeOf) {
  const readParams = paramsReader(route);

  const serve = async (req: RoutedRequest, res: ServerResponse): Promise<void> => {
    const ctx = req.$ctx;
    const checked =
      route.open || isSigned(route, req)
        ? undefined
        : gateway.authentication.ofHeader(req.headers.authorization);
    if (checked) ctx.meta.user = checked.caller;
    noteOrigin(req, gateway);
    const sources = { path: req.$params.params, query: queryOf(req.originalUrl), body: undefined };
    // What is wrong with path and query is said before the file comes.
    if (route.file) readParams(sources);
    if (route.file && isForm(req)) {
      await withUpload(req, gateway, route.file, async (form) => {
        const params = readParams({ ...sources, form });
        // It took a while: the session may have ended meanwhile.
        gateway.authentication.ofHeader(req.headers.authorization);
        answer(route, res, await ctx.call(route.action, params, { timeout: KEEP_WITHIN_MS }));
      });
      return;
    }
    const params = readParams({
      ...sources,
      body: await bodyOf(route, req, gateway.config.REQUEST_TIMEOUT_MS * BODY_SHARE),
    });
    if (route.stream && checked) {
      // The contract of the route's action checks them.
      const wanted = params as unknown as ParamsOf<"v1.chat.streamMessages">;
      return answerStream(realtime() ?? notStarted(), { req, res, checked, params: wanted });
    }
    if (route.bytes) {
      const found = await call(ctx, "v1.photo.readPhoto", params as ParamsOf<"v1.photo.readPhoto">);
      return answerBytes(req, res, found, gateway.config.REQUEST_TIMEOUT_MS);
    }
    const result = await ctx.call(route.action, route.fill ? { ...route.fill(), ...params } : params);
    answer(route, res, result);
  };

  return (req: RoutedRequest, res: ServerResponse, next: (error: unknown) => void): void => {
    serve(req, res).catch(next);
  };
}

/** Where a request comes from, for the guard and for the list of sessions. */
export function noteOrigin(req: RoutedRequest, gateway: Pick<Gateway, "clientAddress">): void {
  const { meta } = req.$ctx;
  meta.address = gateway.clientAddress(req);
  meta.device = req.headers["user-agent"]?.slice(0, MAX_DEVICE) ?? "";
}

/** Then its action checks the signature, which stands for a token. */
const isSigned = ({ bytes }: Route, { headers, originalUrl }: RoutedRequest): boolean =>
  bytes === true && headers.authorization === undefined && /[?&]sig=/.test(originalUrl);

function notStarted(): never {
  throw unavailable();
}

function bodyOf(route: Route, req: IncomingMessage, deadline: number): Promise<unknown> | undefined {
  if (route.file && !route.file.optional) {
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "The body must be multipart/form-data.", {
      Accept: "multipart/form-data",
    });
  }
  if (route.method !== "GET" && route.input !== "query") return readJsonBody(req, deadline);
  if (hasBody(req)) throw invalidArgument("This request takes no body.");
  return undefined;
}

function answer(route: Route, res: ServerResponse, result: unknown): void {
  // The deadline, or the client, was faster.
  if (res.headersSent || res.destroyed) return;
  if (route.location) res.setHeader("Location", route.location(result));
  for (const [name, value] of Object.entries(route.headers?.(result) ?? {})) res.setHeader(name, value);
  if (result === null || result === undefined || route.status === 204) {
    res.writeHead(route.status, route.status === 204 ? {} : { "Content-Length": 0 });
    sendWithOthers(res);
    return;
  }
  sendJson(res, route.status, result);
}

export function sendJson(res: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Length": Buffer.byteLength(body),
  });
  sendWithOthers(res, body);
}

/**
 * At the end of this turn of the event loop, together with what else is ready by then. A client or proxy on the same machine is
 * woken once for all of them, which costs more than the rest of a small request: measured, a third more requests a second.
 */
const sendWithOthers = (res: ServerResponse, body?: string): void => {
  setImmediate(() => res.end(body));
};

/** What follows the `?` of a URL. */
export function queryOf(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}

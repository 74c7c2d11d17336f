/** What happens to a request of a dialect: as to one of `/v1`, but for how it is read and how it is answered. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "moleculer";
import { call } from "../../../lib/contract.ts";
import { isVecheError } from "../../../lib/errors.ts";
import { KEEP_WITHIN_MS } from "../../photo/photo.contract.ts";
import type { Gateway } from "../gateway.ts";
import { readAsJson } from "../json-body.ts";
import { isForm } from "../multipart.ts";
import { HttpError, logProblem, type Problem, toProblem } from "../problem.ts";
import { BODY_SHARE, noteOrigin, queryOf, type RoutedRequest, sendJson } from "../rest/endpoint.ts";
import type { Sources } from "../rest/params.ts";
import { withUpload } from "../rest/uploads.ts";
import { authenticate, bearerOf } from "./credentials.ts";
import type { Ask, Dialect, DialectRequest, DialectRoute } from "./dialect.ts";
import { inputReader } from "./input.ts";
import { usualStatus } from "./openapi.ts";
import { UnpagedLists } from "./unpaged-lists.ts";

type Handler = (req: RoutedRequest, res: ServerResponse) => void;

/** A route, and the dialect it is of. */
interface Candidate {
  dialect: Dialect;
  route: DialectRoute;
  read: ReturnType<typeof inputReader>;
}

/** `"PUT /join": …` for moleculer-web. Of a path that several have, the first whose condition holds answers. */
export function dialectAliases(
  dialects: readonly Dialect[],
  gateway: Gateway,
  logger: Logger,
): Record<string, Handler> {
  const candidates = new Map<string, Candidate[]>();
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const key = `${route.method} ${route.path.replaceAll(/\{([^}]+)\}/g, ":$1")}`;
      const candidate = { dialect, route, read: inputReader(dialect, route) };
      candidates.set(key, [...(candidates.get(key) ?? []), candidate]);
    }
  }
  const shared = { gateway, logger, lists: new UnpagedLists() };
  return Object.fromEntries([...candidates].map(([key, those]) => [key, handler(those, shared)]));
}

/** Answers what went wrong before a route was found, in the form of the dialect whose path it is. @returns false for no path of theirs */
export function dialectRefusals(dialects: readonly Dialect[], logger: Logger) {
  const routes = dialects.flatMap((dialect) =>
    dialect.routes.map((route) => ({
      candidate: { dialect, route, read: inputReader(dialect, route) },
      pattern: new RegExp(`^${route.path.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`),
    })),
  );
  return (req: IncomingMessage, res: ServerResponse, error: unknown): boolean => {
    const path = req.url?.split("?", 1)[0] ?? "";
    const found = routes.find(
      ({ candidate: { route }, pattern }) => route.method === req.method && pattern.test(path),
    );
    if (found) answerError(new Served(found.candidate), req, res, error, logger);
    return found !== undefined;
  };
}

/** Of the routes that have a path, the one that answers what is of none of them. */
function handler(
  candidates: Candidate[],
  { gateway, logger, lists }: Pick<Exchange, "gateway" | "lists"> & { logger: Logger },
): Handler {
  const byDefault = candidates.find(({ route }) => !route.when) ?? candidates.at(-1);
  if (!byDefault) throw new Error("No route is no endpoint");
  return (req, res) => {
    const served = new Served(byDefault);
    serve(served, candidates, { req, res, gateway, lists }).catch((error: unknown) =>
      answerError(served, req, res, error, logger),
    );
  };
}

/** How far a request has come: its errors are told accordingly. */
class Served {
  by: Candidate;
  /** What of the request is being read. */
  reading: "body" | "query" | undefined;
  /** Whether its actions are asked. */
  asking = false;

  constructor(byDefault: Candidate) {
    this.by = byDefault;
  }
}

interface Exchange {
  req: RoutedRequest;
  res: ServerResponse;
  gateway: Gateway;
  lists: UnpagedLists;
}

async function serve(served: Served, candidates: Candidate[], exchange: Exchange): Promise<void> {
  const { req, res, gateway } = exchange;
  const { route: first } = served.by;
  const sources: Sources = { path: req.$params.params, query: queryOf(req.originalUrl), body: undefined };
  noteOrigin(req, gateway);
  if (first.file) {
    await serveForm(served, exchange, sources);
    return;
  }
  if (candidates.length === 1) identify(served, exchange);
  served.reading = "body";
  if (candidates.some(({ route }) => route.body.length > 0)) {
    sources.body = await readAsJson(req, gateway.config.REQUEST_TIMEOUT_MS * BODY_SHARE);
  }
  const sighted = { req, body: sources.body };
  served.by = candidates.find(({ route }) => route.when?.(sighted)) ?? served.by;
  served.reading = undefined;
  identify(served, exchange);
  answer(served, res, await ask(served, exchange, sources));
}

/** Who may not upload is told before the file comes. */
async function serveForm(served: Served, exchange: Exchange, sources: Sources): Promise<void> {
  const { req, res, gateway } = exchange;
  const { file } = served.by.route;
  identify(served, exchange);
  if (file && isForm(req)) {
    await withUpload(req, gateway, file, async (form) => {
      // It took a while: the session may have ended meanwhile.
      identify(served, exchange);
      answer(served, res, await ask(served, exchange, { ...sources, form }, KEEP_WITHIN_MS));
    });
    return;
  }
  if (!file?.optional) {
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "The body must be multipart/form-data.");
  }
  served.reading = "body";
  const body = await readAsJson(req, gateway.config.REQUEST_TIMEOUT_MS * BODY_SHARE);
  answer(served, res, await ask(served, exchange, { ...sources, body }));
}

function identify({ by: { dialect, route } }: Served, { req, gateway }: Exchange): void {
  const { meta } = req.$ctx;
  const checked = authenticate(req, route, dialect, gateway);
  meta.dialect = dialect.name;
  if (checked) meta.user = checked.caller;
}

/** @param timeout milliseconds for each call; by default what is left of the request's */
async function ask(
  served: Served,
  { req, res, gateway, lists }: Exchange,
  sources: Sources,
  timeout?: number,
): Promise<unknown> {
  const { route, read } = served.by;
  const { $ctx: ctx } = req;
  served.reading =
    route.body.length > 0 && (sources.body !== undefined || route.query.length === 0) ? "body" : "query";
  const input = read(sources);
  served.reading = undefined;
  served.asking = true;
  const options = timeout === undefined ? {} : { timeout };
  const asking: Ask = (action, params, as) =>
    call(ctx, action, params, as ? { ...options, meta: { user: as } } : options);
  const request: DialectRequest<unknown> = {
    input,
    ask: asking,
    caller: ctx.meta.user,
    upload: sources.form?.upload,
    callerOf: (token) => gateway.authentication.ofToken(token).caller,
    bearer: bearerOf(req),
    signedInBy: ctx.meta.user && (req.headers.authorization === undefined ? "cookie" : "token"),
    secure: gateway.config.PUBLIC_URL?.startsWith("https:") === true,
    setHeader: (name, value) => {
      if (!res.headersSent) res.setHeader(name, value);
    },
  };
  const { user } = ctx.meta;
  return route.unpaged && user ? lists.take(user.id, res, () => route.serve(request)) : route.serve(request);
}

function answer({ by: { route } }: Served, res: ServerResponse, result: unknown): void {
  // The deadline, or the client, was faster.
  if (!res.headersSent && !res.destroyed) sendJson(res, route.status, result);
}

function answerError(
  served: Served,
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  logger: Logger,
): void {
  const problem = toProblem(error);
  logProblem(req, error, problem, logger);
  // Half an answer is out: the client must see that it is not whole.
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { errors } = served.by.dialect;
  const malformed = problem.status === 400 ? served.reading : undefined;
  const status = statusOf(served, error, problem);
  const body = errors.bodyOf({ ...problem, status }, malformed);
  const text = errors.contentType === "text/plain" ? String(body) : JSON.stringify(body);
  const { "WWW-Authenticate": challenge, ...headers } = problem.headers;
  res.writeHead(status, {
    ...headers,
    ...(status === 401 ? { "WWW-Authenticate": challenge ?? "Bearer" } : {}),
    "Content-Type": `${errors.contentType}; charset=utf-8`,
    "Cache-Control": "no-store",
    "Content-Length": Buffer.byteLength(text),
  });
  res.end(text);
}

function statusOf({ by, reading, asking }: Served, error: unknown, { status }: Problem): number {
  const { dialect, route } = by;
  if (status === 400 && reading !== undefined) {
    return dialect.errors.malformed ?? route.statuses.INVALID_ARGUMENT ?? status;
  }
  if (!asking || !isVecheError(error)) return status;
  return route.statuses[error.type] ?? usualStatus(error.type);
}

/** What comes before any route: the headers that every answer carries, and the requests that need no action. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import { healthHandler } from "../../mixins/mesh/health.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { Cors, isPreflight } from "./cors.ts";
import { pagesOf } from "./pages.ts";
import { HttpError } from "./problem.ts";
import { requestIdsOf } from "./request-ids.ts";
import { apiHeaders, setHeaders } from "./security-headers.ts";

/** @returns the methods of a path's routes; none where there are none */
type MethodsOf = (path: string) => string[];

export type Front = ReturnType<typeof frontOf>;

export function frontOf(broker: ServiceBroker, methodsOf: MethodsOf) {
  const { config, keys, lifecycle } = runtimeOf(broker);
  const cors = new Cors(config.CORS_ORIGIN);
  const pages = pagesOf(config, keys);
  const health = config.HEALTH_PORT === undefined ? healthHandler(broker) : () => false;
  const allMethodsOf: MethodsOf = (path) => (pages.has(path) ? ["GET", "HEAD", "OPTIONS"] : methodsOf(path));

  /** Gives the request its id, and the answer its headers. */
  const prepare = (req: IncomingMessage, res: ServerResponse): void => {
    const { requestId, traceparent } = requestIdsOf(req);
    req.headers["x-request-id"] = requestId;
    // moleculer-web would prefer it, unchecked.
    delete req.headers["x-correlation-id"];
    res.setHeader("X-Request-Id", requestId);
    res.setHeader("traceparent", traceparent);
    setHeaders(res, apiHeaders);
    cors.allow(req, res);
    // So that clients move on to another gateway before this one closes.
    if (lifecycle.draining) res.setHeader("Connection", "close");
  };

  return {
    health,
    prepare,
    /** Whether `answer` is for this request, and not a route. */
    answers: (req: IncomingMessage): boolean => req.method === "OPTIONS" || pages.has(pathOf(req)),
    /** @throws what is wrong with the request */
    async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
      const path = pathOf(req);
      if (req.method === "OPTIONS") return answerOptions(req, res, allMethodsOf(path));
      if (req.method !== "GET" && req.method !== "HEAD") throw methodNotAllowed(allMethodsOf(path));
      await pages.get(path)?.(req, res);
    },
    /** Why no route was found. */
    noRoute: (path: string): Error => {
      const methods = allMethodsOf(path);
      return methods.length > 0 ? methodNotAllowed(methods) : notFound("There is nothing at this path.");
    },
  };
}

/** The path of a request, without its query. The absolute form, which proxies send, is brought into the usual one. */
function pathOf(req: IncomingMessage): string {
  const target = req.url ?? "";
  if (!target.startsWith("/") && target !== "*") {
    const url = URL.parse(target);
    if (!url) throw invalidArgument("The request target is not well-formed.");
    req.url = url.pathname + url.search;
  }
  if (req.headers.host === undefined && req.httpVersion === "1.1") {
    throw invalidArgument("The Host header is missing.");
  }
  const [path = ""] = (req.url ?? "").split("?", 1);
  return path;
}

/** moleculer-web would take OPTIONS for the method that a preflight asks about, and run its action. */
function answerOptions(req: IncomingMessage, res: ServerResponse, methods: string[]): void {
  if (!isPreflight(req) && req.url !== "*") {
    if (methods.length === 0) throw notFound("There is nothing at this path.");
    res.setHeader("Allow", methods.join(", "));
  }
  res.writeHead(204).end();
}

const methodNotAllowed = (methods: string[]) =>
  new HttpError("METHOD_NOT_ALLOWED", `This path takes ${methods.join(", ")}.`, {
    Allow: methods.join(", "),
  });

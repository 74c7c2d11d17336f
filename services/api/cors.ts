/** Cross-origin requests (the Fetch standard's CORS), for the origins that `CORS_ORIGIN` names. */
import type { IncomingMessage, ServerResponse } from "node:http";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS =
  "Authorization, Content-Type, If-None-Match, Last-Event-ID, Range, X-Request-Id, traceparent, tracestate";
const RESPONSE_HEADERS =
  "ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id, X-User-ID, traceparent";
const PREFLIGHT_LIVES_S = "600";

/** moleculer-web's own would take a part of an allowed origin for the whole, and refuse all others with 403. */
export class Cors {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#any = origins.includes("*");
    this.#origins = new Set(origins);
  }

  /** Puts the headers on an answer. Without credentials: tokens travel in `Authorization`, never as cookies. */
  allow(req: IncomingMessage, res: ServerResponse): void {
    if (this.#origins.size === 0) return;
    if (!this.#any) res.setHeader("Vary", "Origin");
    const { origin } = req.headers;
    if (origin === undefined || !(this.#any || this.#origins.has(origin))) return;
    res.setHeader("Access-Control-Allow-Origin", this.#any ? "*" : origin);
    res.setHeader("Access-Control-Expose-Headers", RESPONSE_HEADERS);
    if (!isPreflight(req)) return;
    res.setHeader("Access-Control-Allow-Methods", METHODS);
    res.setHeader("Access-Control-Allow-Headers", REQUEST_HEADERS);
    res.setHeader("Access-Control-Max-Age", PREFLIGHT_LIVES_S);
  }
}

export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === "OPTIONS" &&
  headers.origin !== undefined &&
  headers["access-control-request-method"] !== undefined;

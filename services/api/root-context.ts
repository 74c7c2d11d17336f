/** The context that all calls of one HTTP request descend from. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Context, type Service } from "moleculer";

interface Root {
  params: { req: IncomingMessage; res: ServerResponse };
  requestID: string;
  /** Milliseconds for the whole request; the calls within it get what is left. */
  timeout: number;
}

/**
 * moleculer-web starts each request as a call of an action of its own, `api.rest`, through all of Moleculer's middlewares:
 * metrics, breaker, bulkhead, tracking. They are for calls between services; around the root they would measure and limit
 * everything a second time, for half of what such a request costs.
 */
export function rootContext(service: Service, { params, requestID, timeout }: Root): Context {
  const ctx = new Context(service.broker);
  ctx.params = params;
  ctx.requestID = requestID;
  ctx.service = service;
  ctx.options.timeout = timeout;
  ctx.startHrTime = process.hrtime();
  return ctx;
}

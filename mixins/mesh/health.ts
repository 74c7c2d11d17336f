/** `/healthz`, `/readyz` and `/metrics`: on the gateway's own port, or on `HEALTH_PORT` of every process of a cluster. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Middleware, ServiceBroker } from "moleculer";
import { runtimeOf } from "../runtime.ts";
import { answerMetrics } from "./prometheus.ts";

const PATHS = new Set(["/healthz", "/readyz", "/metrics"]);

/** @returns a listener that answers the three paths, and false for every other */
export function healthHandler(broker: ServiceBroker): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    const path = req.url?.split("?")[0] ?? "";
    if (!PATHS.has(path)) return false;
    if (req.method !== "GET" && req.method !== "HEAD") {
      res.setHeader("Allow", "GET, HEAD");
      answer(res, 405, { status: "only GET and HEAD" });
    } else if (path === "/metrics") {
      req.url = path;
      answerMetrics(broker, req, res);
    } else if (path === "/healthz") {
      answer(res, 200, { status: "alive" });
    } else {
      const waitingFor = whatIsMissing(broker);
      if (waitingFor.length === 0) answer(res, 200, { status: "ready" });
      else answer(res, 503, { status: "not ready", waiting_for: waitingFor });
    }
    return true;
  };
}

/**
 * Until a process was ready for the first time, all that it needs; afterwards only what is its own: a database or another
 * service that goes away must not take every gateway out of rotation.
 */
function whatIsMissing(broker: ServiceBroker): string[] {
  const { lifecycle } = runtimeOf(broker);
  if (lifecycle.draining) return ["end: draining"];
  if (lifecycle.disconnected) return ["transporter"];
  if (lifecycle.wasReady) return [];
  // A service is announced only after it reached its database.
  const services = neededServices(broker).filter((name) => !hasService(broker, name));
  const missing = [...(started(broker) ? services : ["start"]), ...lifecycle.unmetNeeds];
  lifecycle.wasReady = missing.length === 0;
  return missing;
}

const started = (broker: ServiceBroker) => (broker as unknown as { started: boolean }).started;

/** What local services name in `metadata.needs`, as `v1.users`. */
const neededServices = (broker: ServiceBroker): string[] =>
  broker.services.flatMap((service) => (service.metadata.needs as string[] | undefined) ?? []);

const hasService = (broker: ServiceBroker, fullName: string): boolean =>
  broker.registry
    .getServiceList({ onlyAvailable: true })
    .some((service: { fullName: string }) => service.fullName === fullName);

function answer(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "Cache-Control": "no-store",
  });
  res.end(text);
}

/** Listens before the services start, so that a process which waits for its database is known to be alive. */
export function healthServer(): Middleware {
  let server: Server | undefined;
  return {
    name: "HealthServer",
    async created(broker: ServiceBroker) {
      const { HEALTH_PORT, HOST } = runtimeOf(broker).config;
      if (HEALTH_PORT === undefined) return;
      const handle = healthHandler(broker);
      server = createServer((req, res) => {
        if (!handle(req, res)) answer(res, 404, { status: "not found" });
      });
      server.on("error", (error) => broker.fatal(`HEALTH_PORT ${HEALTH_PORT}: ${error.message}`, error));
      server.listen(HEALTH_PORT, HOST);
    },
    async stopped() {
      server?.closeAllConnections();
      server?.close();
    },
  };
}

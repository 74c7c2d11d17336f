/** The gateway's HTTP server: its limits, its answers to what is no HTTP, and its graceful end. */
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { HttpError, problemBody, sendProblem, toProblem } from "./problem.ts";

/** Longer than load balancers keep a connection (60 s as a rule), so that it is never us who close one they reuse. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 20_000;
/** For a whole request, the largest upload on a slow line too. */
const REQUEST_MS = 120_000;
const CLOSE_IDLE_EVERY_MS = 50;
const UNUSED_FOR_MS = 500;

export function createHttpServer(listener: RequestListener): Server {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
      // Answered by the listener instead, with a body.
      requireHostHeader: false,
    },
    listener,
  );
  countRequests(server);
  server.on("clientError", answerClientError);
  server.on("checkExpectation", (_req, res) => {
    const error = new HttpError("EXPECTATION_FAILED", "Only the expectation 100-continue can be met.");
    sendProblem(res, toProblem(error));
  });
  return server;
}

/**
 * Stops accepting, and ends when the last request under way is answered. A connection that was opened and never used does not
 * count as idle for Node, and would hold the server for minutes: it has a moment to send its first request.
 */
export async function closeGracefully(server: Server): Promise<void> {
  if (!server.listening) return;
  let closed = false;
  server.close(() => {
    closed = true;
  });
  const closedAt = performance.now();
  while (!closed) {
    // Connections that were busy when the server closed turn idle later, and would hold it until they time out.
    server.closeIdleConnections();
    const { underWay = 0, quietSince = 0 } = traffic.get(server) ?? {};
    const quietFor = performance.now() - Math.max(quietSince, closedAt);
    if (underWay === 0 && quietFor > UNUSED_FOR_MS) server.closeAllConnections();
    await sleep(CLOSE_IDLE_EVERY_MS);
  }
}

interface Traffic {
  underWay: number;
  quietSince: number;
}

const traffic = new WeakMap<Server, Traffic>();

function countRequests(server: Server): void {
  const count: Traffic = { underWay: 0, quietSince: 0 };
  traffic.set(server, count);
  server.on("request", (_req, res: ServerResponse) => {
    count.underWay += 1;
    res.once("close", () => {
      count.underWay -= 1;
      count.quietSince = performance.now();
    });
  });
}

/** There is no request to answer, only a socket to write to. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: pending } = socket as { _httpMessage?: { headersSent: boolean } };
  if (error.code === "ECONNRESET" || !socket.writable || pending?.headersSent) {
    socket.destroy();
    return;
  }
  const problem = toProblem(clientErrorOf(error.code));
  const body = problemBody(problem);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      "Connection: close",
      "Content-Type: application/problem+json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
}

function clientErrorOf(code: string | undefined): HttpError {
  if (code === "HPE_HEADER_OVERFLOW") return new HttpError("HEADERS_TOO_LARGE", "The headers are too large.");
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") {
    return new HttpError("PAYLOAD_TOO_LARGE", "The chunk extensions are too large.");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HttpError("REQUEST_TIMEOUT", "The request took too long to arrive.");
  }
  return new HttpError("INVALID_ARGUMENT", "This is not a well-formed HTTP request.");
}

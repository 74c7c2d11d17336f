/** The gateway's HTTP server: its limits, its answers to what is no HTTP, and its graceful end. */

import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { HttpError, rawAnswer, sendProblem, toProblem } from "./problem.ts";
import { endStalled } from "./stalled-answers.ts";

/** Longer than load balancers keep a connection (60 s as a rule), so that it is never us who close one they reuse. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 20_000;
/** For a whole request, the largest upload on a slow line too. */
const REQUEST_MS = 120_000;
const CLOSE_IDLE_EVERY_MS = 50;
const UNUSED_FOR_MS = 500;
const MAX_PIPELINED = 32;
const FILES_OF_OUR_OWN = 128;
/** Bytes of a request that may come after its answer. They are thrown away, for clients that read only after they have sent. */
const MAX_UNWANTED = 16 * 1024 * 1024;
const WATCH_UNWANTED_EVERY_MS = 50;
/** That an answer may wait without the client taking a byte of it. */
const STALLED_MS = 30_000;

/** @param stalledMs milliseconds after which a client that takes nothing of its answer is cut off */
export function createHttpServer(listener: RequestListener, stalledMs = STALLED_MS): Server {
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
  watchTraffic(server);
  endStalled(server, stalledMs);
  server.maxConnections = maxConnections();
  server.on("clientError", answerClientError);
  server.on("checkExpectation", (_req, res) => {
    const error = new HttpError("EXPECTATION_FAILED", "Only the expectation 100-continue can be met.");
    sendProblem(res, toProblem(error));
  });
  return server;
}

/**
 * Stops accepting, and ends when the last request under way is answered and read.
 * @param within milliseconds: what is not done by then is cut off
 */
export async function closeGracefully(server: Server, within: number): Promise<void> {
  if (!server.listening) return;
  let closed = false;
  // Not its own `close`: that ends idle connections at once, and what Node takes for idle may still be reading its answer.
  NetServer.prototype.close.call(server, () => {
    closed = true;
  });
  const closedAt = performance.now();
  while (!closed) {
    const { sockets, underWay, quietSince } = trafficOf(server);
    const quietFor = performance.now() - Math.max(quietSince, closedAt);
    // For Node a connection is idle once its answer was handed over, read or not; and one that was opened and never used is not.
    const done = underWay === 0 && [...sockets].every(({ writableLength }) => writableLength === 0);
    if (done) server.closeIdleConnections();
    if (done && quietFor > UNUSED_FOR_MS) server.closeAllConnections();
    if (performance.now() - closedAt > within) for (const socket of sockets) socket.destroy();
    await sleep(CLOSE_IDLE_EVERY_MS);
  }
}

interface Traffic {
  /** Upgraded ones too, which Node no longer counts. */
  sockets: Set<Socket>;
  underWay: number;
  quietSince: number;
}

const traffic = new WeakMap<Server, Traffic>();
const trafficOf = (server: Server): Traffic =>
  traffic.get(server) ?? { sockets: new Set(), underWay: 0, quietSince: 0 };

function watchTraffic(server: Server): void {
  const watched: Traffic = { sockets: new Set(), underWay: 0, quietSince: 0 };
  const unanswered = new WeakMap<Socket, number>();
  traffic.set(server, watched);
  server.on("connection", (socket) => {
    watched.sockets.add(socket);
    socket.once("close", () => watched.sockets.delete(socket));
  });
  server.on("request", (req, res: ServerResponse) => {
    const { socket } = req;
    watched.underWay += 1;
    const waiting = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, waiting);
    // Who asks on and on without reading the answers would have them all kept in memory.
    if (waiting > MAX_PIPELINED) socket.destroy();
    res.once("finish", () => {
      if (!req.complete) endUnwanted(req);
    });
    res.once("close", () => {
      watched.underWay -= 1;
      watched.quietSince = performance.now();
      unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1);
    });
  });
}

function endUnwanted(req: IncomingMessage): void {
  const { socket } = req;
  const from = socket.bytesRead;
  const watching = setInterval(() => {
    if (!req.complete && socket.bytesRead - from > MAX_UNWANTED) socket.destroy();
    if (req.complete || socket.destroyed) clearInterval(watching);
  }, WATCH_UNWANTED_EVERY_MS);
  watching.unref();
}

/**
 * As many connections as the process may have files open, less what it needs for itself: one more would fail wherever the next
 * file is opened. Unlimited where the limit is not known.
 */
function maxConnections(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Math.max(64, Number(soft) - FILES_OF_OUR_OWN);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** There is no request to answer, only a socket to write to. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: pending } = socket as { _httpMessage?: { headersSent: boolean } };
  if (error.code === "ECONNRESET" || !socket.writable || pending?.headersSent) {
    socket.destroy();
    return;
  }
  socket.end(rawAnswer(clientErrorOf(error.code)));
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

/** Errors as the gateway answers them: `application/problem+json` (RFC 9457). The one place that maps them. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Logger } from "moleculer";
import { type ErrorCode, isVecheError, STATUS } from "../../lib/errors.ts";

/** What only an HTTP door can find wrong, beside the family of `lib/errors.ts`. */
const HTTP_STATUS = {
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RANGE_NOT_SATISFIABLE: 416,
  EXPECTATION_FAILED: 417,
  HEADERS_TOO_LARGE: 431,
} as const;

type HttpCode = keyof typeof HTTP_STATUS;

/** Thrown within the gateway only: none of it crosses the mesh. */
export class HttpError extends Error {
  readonly code: HttpCode | ErrorCode;
  readonly headers: Record<string, string>;

  constructor(code: HttpCode | ErrorCode, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.code = code;
    this.headers = headers;
  }
}

export interface Problem {
  status: number;
  code: HttpCode | ErrorCode;
  /** A sentence for people. */
  detail: string;
  /** Members beside those of the RFC: `errors`, `retry_after`, `chat_id` … */
  extensions: Record<string, unknown>;
  headers: Record<string, string>;
  /** Not foreseen: to be logged with its stack. */
  unexpected: boolean;
}

const BUSY = "This part is not available now. Try again shortly.";
const LATE = "This took too long and was given up. It may or may not have been done.";
const BROKEN = "Something went wrong on our side. The request id tells the operators what.";

/** Moleculer's own errors, by their `type`. Their messages name services and nodes, so none is repeated. */
const OF_THE_MESH: Readonly<Record<string, [ErrorCode, string]>> = {
  SERVICE_NOT_FOUND: ["UNAVAILABLE", BUSY],
  SERVICE_NOT_AVAILABLE: ["UNAVAILABLE", BUSY],
  INVALID_ENDPOINT: ["UNAVAILABLE", BUSY],
  REQUEST_REJECTED: ["UNAVAILABLE", BUSY],
  QUEUE_FULL: ["UNAVAILABLE", BUSY],
  BAD_GATEWAY: ["UNAVAILABLE", BUSY],
  REQUEST_TIMEOUT: ["DEADLINE_EXCEEDED", LATE],
  REQUEST_SKIPPED: ["DEADLINE_EXCEEDED", LATE],
  UNABLE_DECODE_PARAM: ["INVALID_ARGUMENT", "The path has a percent sign that does not encode UTF-8."],
};

export function toProblem(error: unknown): Problem {
  if (error instanceof HttpError) return problem(error.code, error.message, {}, error.headers);
  if (isVecheError(error)) {
    const unexpected = error.type === "INTERNAL";
    return { ...problem(error.type, unexpected ? BROKEN : error.message, detailsOf(error)), unexpected };
  }
  const type = (error as { type?: unknown } | null)?.type;
  const known = typeof type === "string" && Object.hasOwn(OF_THE_MESH, type) ? OF_THE_MESH[type] : undefined;
  if (!known) return { ...problem("INTERNAL", BROKEN), unexpected: true };
  const [code, detail] = known;
  return problem(code, detail, code === "UNAVAILABLE" ? { retry_after: 1 } : {});
}

/** Of whatever was thrown. */
export const stackOf = (error: unknown): string => (error as Error | null)?.stack ?? String(error);

/** Answers a request with what went wrong, and logs it where it is our fault. */
export function answerError(req: IncomingMessage, res: ServerResponse, error: unknown, logger: Logger): void {
  const problem = toProblem(error);
  logProblem(req, error, problem, logger);
  sendProblem(res, problem, String(req.headers["x-request-id"]));
}

/** Where it is our fault. */
export function logProblem(req: IncomingMessage, error: unknown, problem: Problem, logger: Logger): void {
  const requestId = String(req.headers["x-request-id"]);
  if (problem.unexpected) {
    logger.error({ request_id: requestId, stack: stackOf(error) }, "A request failed.");
  } else if (problem.status >= 500) {
    logger.warn({ request_id: requestId, cause: (error as Error).message }, "A request was not served.");
  }
}

export function sendProblem(res: ServerResponse, problem: Problem, requestId?: string): void {
  // Half an answer is out: the client must see that it is not whole.
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = problemBody(problem, requestId);
  res.writeHead(problem.status, {
    ...problem.headers,
    "Content-Type": "application/problem+json; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Length": Buffer.byteLength(body),
  });
  res.end(body);
}

export function problemBody({ status, code, detail, extensions }: Problem, requestId?: string): string {
  return JSON.stringify({
    ...extensions,
    type: "about:blank",
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    request_id: requestId,
  });
}

function problem(
  code: HttpCode | ErrorCode,
  detail: string,
  extensions: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Problem {
  const status = code in HTTP_STATUS ? HTTP_STATUS[code as HttpCode] : STATUS[code as ErrorCode];
  const { retry_after } = extensions;
  return {
    status,
    code,
    detail,
    extensions,
    headers: {
      // RFC 9110 wants it with every 401.
      ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
      ...(typeof retry_after === "number" ? { "Retry-After": String(Math.ceil(retry_after)) } : {}),
      ...headers,
    },
    unexpected: false,
  };
}

const detailsOf = ({ type, data }: { type: ErrorCode; data: unknown }): Record<string, unknown> =>
  type !== "INTERNAL" && typeof data === "object" && data !== null ? { ...data } : {};

/** A whole HTTP answer, for where there is no response to write it to, only a socket. */
export function rawAnswer(error: unknown): string {
  const problem = toProblem(error);
  return rawText(problem, "application/problem+json", problemBody(problem));
}

/** As `rawAnswer`, with another body. */
export function rawText({ status }: Pick<Problem, "status">, type: string, body: string): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

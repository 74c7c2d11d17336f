/** Reads a request's JSON body: whole, in time, and no larger than it may be. */
import type { IncomingMessage } from "node:http";
import { invalidArgument } from "../../lib/errors.ts";
import { HttpError } from "./problem.ts";

/** Bytes. */
export const MAX_JSON_BODY = 64 * 1024;
/** No contract goes deeper; and what goes very deep can't be serialized for the next hop. */
const MAX_DEPTH = 32;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)/i;

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/**
 * @param deadline milliseconds that the body may take to arrive
 * @returns undefined where there is no body
 * @throws 400, 408, 413, 415
 */
export async function readJsonBody(req: IncomingMessage, deadline: number): Promise<unknown> {
  if (!hasBody(req)) return undefined;
  checkType(req);
  return parse(await readBytes(req, deadline));
}

/** As `readJsonBody`, whatever the body says that it is. @throws 400, 408, 413 */
export async function readAsJson(req: IncomingMessage, deadline: number): Promise<unknown> {
  return hasBody(req) ? parse(await readBytes(req, deadline)) : undefined;
}

function checkType({ headers }: IncomingMessage): void {
  const type = headers["content-type"] ?? "";
  if (!JSON_TYPE.test(type)) {
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.", {
      Accept: "application/json",
    });
  }
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "JSON must be in UTF-8.");
  }
  if ((headers["content-encoding"] ?? "identity").toLowerCase() !== "identity") {
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed.", {
      "Accept-Encoding": "identity",
    });
  }
}

function readBytes(req: IncomingMessage, deadline: number): Promise<Buffer> {
  const tooLarge = () =>
    new HttpError("PAYLOAD_TOO_LARGE", `The body must not be larger than ${MAX_JSON_BODY} bytes.`);
  if (Number(req.headers["content-length"] ?? 0) > MAX_JSON_BODY) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      req.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      outcome();
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      // What still comes is thrown away, so that a client which reads only after it has sent sees the answer.
      if (size > MAX_JSON_BODY) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = () =>
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onClose = () => settle(() => reject(invalidArgument("The body ended too early.")));
    const timer = setTimeout(() => settle(() => reject(tooSlow())), deadline);
    req.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

const tooSlow = () =>
  new HttpError("REQUEST_TIMEOUT", "The body took too long to arrive.", { Connection: "close" });

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse(bytes: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's own words would repeat part of the body.
    throw invalidArgument("The body is not well-formed JSON.");
  }
  if (deeperThan(MAX_DEPTH, value)) throw invalidArgument("The body is nested too deeply.");
  return value;
}

function deeperThan(limit: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((inner) => deeperThan(limit - 1, inner));
}

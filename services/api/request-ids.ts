/** The names a request goes by: `X-Request-Id`, and the W3C trace context. Taken over where they are well-formed, else made. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** Version 00 of the standard; ids of zeros only are forbidden, as is version ff. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/;

export interface RequestIds {
  requestId: string;
  traceparent: string;
}

export function requestIdsOf({ headers }: IncomingMessage): RequestIds {
  const given = headers["x-request-id"];
  const parent = headers.traceparent;
  const [, trace = newTraceId(), flags = "00"] =
    typeof parent === "string" ? (TRACEPARENT.exec(parent) ?? []) : [];
  return {
    // Without one of its own a request is called by its trace, so that there is one id to look for.
    requestId: typeof given === "string" && REQUEST_ID.test(given) ? given : trace,
    traceparent: `00-${trace}-${newSpanId()}-${flags}`,
  };
}

const newTraceId = () => randomUUID().replaceAll("-", "");

/** The digits of a UUID that its version and variant don't touch. */
function newSpanId(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(28);
}

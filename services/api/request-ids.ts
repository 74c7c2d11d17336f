/** The names a request goes by: `X-Request-Id`, and the W3C trace context. Taken over where they are well-formed, else made. */
import { randomBytes } from "node:crypto";
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
  const [, trace = randomHex(32), flags = "00"] =
    typeof parent === "string" ? (TRACEPARENT.exec(parent) ?? []) : [];
  return {
    // Without one of its own a request is called by its trace, so that there is one id to look for.
    requestId: typeof given === "string" && REQUEST_ID.test(given) ? given : trace,
    traceparent: `00-${trace}-${randomHex(16)}-${flags}`,
  };
}

/** Drawn in bulk: asking for random bytes costs as much for a page of them as for one id. */
let drawn = "";
let used = 0;

function randomHex(digits: number): string {
  if (used + digits > drawn.length) {
    drawn = randomBytes(2_048).toString("hex");
    used = 0;
  }
  used += digits;
  return drawn.slice(used - digits, used);
}

/** Who makes a request of a dialect: by a token in `Authorization`, or by a cookie where the dialect has one. */
import type { IncomingMessage } from "node:http";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { permissionDenied } from "../../../lib/errors.ts";
import type { Gateway } from "../gateway.ts";
import type { Dialect, DialectRoute } from "./dialect.ts";

/** @throws UNAUTHENTICATED, UNAVAILABLE; PERMISSION_DENIED for a page of another origin that would use the cookie */
export function authenticate(
  req: IncomingMessage,
  { access }: Pick<DialectRoute, "access">,
  { cookie }: Pick<Dialect, "cookie">,
  { authentication, config }: Pick<Gateway, "authentication" | "config">,
): CheckedToken | undefined {
  if (cookie !== undefined && !isSafe(req) && !isOwnOrigin(req, config)) {
    throw permissionDenied("Pages of this origin may not do this.");
  }
  if (access === "anyone") return undefined;
  const check = () => {
    const value = cookie === undefined ? undefined : cookieOf(req, cookie);
    return req.headers.authorization === undefined && value !== undefined
      ? authentication.ofToken(value)
      : authentication.ofHeader(req.headers.authorization);
  };
  if (access === "user") return check();
  try {
    return check();
  } catch {
    // Served all the same, as somebody who has not signed in.
    return undefined;
  }
}

const isSafe = ({ method = "" }: IncomingMessage): boolean => ["GET", "HEAD", "OPTIONS"].includes(method);

/**
 * Browsers send `Origin` with all that could change something; programs send none. `*` names no origin here: it lets pages
 * call the API with a token that they have, not with a cookie that they can't even see.
 */
export function isOwnOrigin(
  { headers }: Pick<IncomingMessage, "headers">,
  config: Pick<Gateway["config"], "CORS_ORIGIN" | "PUBLIC_URL">,
): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return headers["sec-fetch-site"] !== "cross-site";
  if (config.CORS_ORIGIN.includes(origin)) return true;
  const from = URL.parse(origin);
  if (!from) return false;
  if (config.PUBLIC_URL !== undefined) return from.origin === URL.parse(config.PUBLIC_URL)?.origin;
  // Whether browsers come by HTTPS only a proxy knows. A default port is left out by some, and said by others.
  return from.host !== "" && from.host === URL.parse(`${from.protocol}//${host}`)?.host;
}

/** @returns undefined where there is none, or an empty one */
export function cookieOf({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of headers.cookie?.split(";") ?? []) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || undefined;
  }
  return undefined;
}

export const bearerOf = ({ headers: { authorization = "" } }: IncomingMessage): string =>
  authorization.replace(/^bearer /i, "").trim();

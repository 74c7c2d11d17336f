/** When an access token ends, as it says itself: read, not checked. Milliseconds since 1970; undefined if it does not say. */
export function expiryOf(token: string): number | undefined {
  try {
    const [, payload = ""] = token.split(".");
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

/** Until a token is to be renewed: a while before its end, and not before half of what it has left. Milliseconds. */
export function renewalDelay(token: string, beforeMs = 60_000): number | undefined {
  const expiry = expiryOf(token);
  if (expiry === undefined) return undefined;
  const left = expiry - Date.now();
  return left - Math.min(beforeMs, left / 2);
}

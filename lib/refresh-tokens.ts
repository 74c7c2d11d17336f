/**
 * Refresh tokens: `<session id>.<generation>.<HMAC>`, the HMAC over both and the session's random salt. So a token can be
 * checked only with the session at hand, the successor of a generation is always the same, and none is ever stored.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { type SessionId, SessionIdSchema } from "./ids.ts";

export interface RefreshToken {
  sessionId: SessionId;
  generation: number;
  signature: string;
}

export class RefreshTokens {
  readonly #secrets: string[];

  /** @param secrets the first signs; the others are still accepted */
  constructor(secrets: [string, ...string[]]) {
    this.#secrets = secrets;
  }

  issue(sessionId: SessionId, generation: number, salt: string): string {
    const signature = sign(this.#secrets[0] ?? "", sessionId, generation, salt);
    return `${sessionId}.${generation}.${signature}`;
  }

  isGenuine({ sessionId, generation, signature }: RefreshToken, salt: string): boolean {
    const given = Buffer.from(signature);
    return this.#secrets.some((secret) => {
      const right = Buffer.from(sign(secret, sessionId, generation, salt));
      return right.length === given.length && timingSafeEqual(right, given);
    });
  }
}

/** @returns undefined for what has not the form of one */
export function parseRefreshToken(token: string): RefreshToken | undefined {
  const [id, generation, signature, ...rest] = token.split(".");
  const sessionId = SessionIdSchema.safeParse(id);
  if (!sessionId.success || !/^[0-9]{1,9}$/.test(generation ?? "") || !signature || rest.length > 0) {
    return undefined;
  }
  return { sessionId: sessionId.data, generation: Number(generation), signature };
}

const sign = (secret: string, sessionId: SessionId, generation: number, salt: string) =>
  createHmac("sha256", secret).update(`${sessionId}.${generation}.${salt}`).digest("base64url");

/** Access tokens: short-lived JWTs (RFC 7519) that a gateway checks by itself. */
import jwt from "jsonwebtoken";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Caller } from "./contract.ts";
import { unauthenticated, VecheError } from "./errors.ts";
import { SessionIdSchema, UserIdSchema } from "./ids.ts";
import type { KeyRing } from "./keys.ts";

const ISSUER = "veche";

const Claims = z.object({
  sub: UserIdSchema,
  sid: SessionIdSchema,
  role: z.enum(["user", "admin"]),
  exp: z.int(),
});

/** A caller, and until when (seconds since 1970) the token says so. */
export interface CheckedToken {
  caller: Caller;
  expiresAt: number;
}

export class AccessTokens {
  readonly #keys: KeyRing;
  /** Tokens whose signature was found good: checking one costs more than all else in a small request. */
  readonly #checked = new LRUCache<string, CheckedToken>({ max: 10_000, ttl: 60_000 });

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  /** @param ttl seconds */
  sign(caller: Caller, ttl: number): string {
    const { kid, algorithm, key } = this.#keys.signing();
    return jwt.sign({ sid: caller.sessionId, role: caller.role }, key, {
      algorithm,
      ...(kid === undefined ? {} : { keyid: kid }),
      subject: caller.id,
      expiresIn: ttl,
      issuer: ISSUER,
    });
  }

  /** @throws UNAUTHENTICATED for a token that is none, ended, or signed with no key of ours */
  check(token: string): CheckedToken {
    const known = this.#checked.get(token);
    if (known && known.expiresAt > Date.now() / 1000) return known;
    const checked = this.#verify(token);
    this.#checked.set(token, checked);
    return checked;
  }

  #verify(token: string): CheckedToken {
    try {
      const kid = jwt.decode(token, { complete: true })?.header.kid;
      const found = this.#keys.checking(kid);
      if (!found) throw unauthenticated("The access token is not valid.");
      // The algorithm is the key's, never what the token's header asks for.
      const payload = jwt.verify(token, found.key, { algorithms: [found.algorithm], issuer: ISSUER });
      const { sub, sid, role, exp } = Claims.parse(payload);
      return { caller: { id: sub, sessionId: sid, role }, expiresAt: exp };
    } catch (error) {
      if (error instanceof VecheError) throw error;
      const ended = error instanceof jwt.TokenExpiredError;
      throw unauthenticated(ended ? "The access token has expired." : "The access token is not valid.");
    }
  }
}

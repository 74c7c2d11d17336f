/** Finds out from its access token who makes a request. */
import { AccessTokens, type CheckedToken } from "../../lib/access-tokens.ts";
import { unavailable } from "../../lib/errors.ts";
import type { KeyRing } from "../../lib/keys.ts";
import { HttpError } from "./problem.ts";
import type { Revocations } from "./revocations.ts";

export class Authentication {
  readonly #tokens: AccessTokens;
  readonly #revocations: Revocations;

  constructor(keys: KeyRing, revocations: Revocations) {
    this.#tokens = new AccessTokens(keys);
    this.#revocations = revocations;
  }

  /**
   * @param authorization the header: `Bearer <token>`, or the token alone
   * @throws UNAUTHENTICATED; UNAVAILABLE while it is not known which sessions are revoked
   */
  ofHeader(authorization: string | undefined): CheckedToken {
    const token = authorization === undefined ? "" : tokenOf(authorization);
    if (token === "") throw new HttpError("UNAUTHENTICATED", "Sign in first.");
    return this.ofToken(token);
  }

  /** @throws as `ofHeader` */
  ofToken(token: string): CheckedToken {
    const checked = this.#check(token);
    if (this.#revocations.has(checked.caller.sessionId)) throw invalidToken("The session has ended.");
    if (!this.#revocations.fresh) throw unavailable();
    return checked;
  }

  #check(token: string): CheckedToken {
    try {
      return this.#tokens.check(token);
    } catch (error) {
      throw invalidToken((error as Error).message);
    }
  }
}

const tokenOf = (authorization: string): string =>
  (/^bearer /i.test(authorization) ? authorization.slice(7) : authorization).trim();

/** RFC 6750: tells a client apart from one that sent no token at all. */
const invalidToken = (message: string) =>
  new HttpError("UNAUTHENTICATED", message, { "WWW-Authenticate": 'Bearer error="invalid_token"' });

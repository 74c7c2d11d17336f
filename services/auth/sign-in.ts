/** Signing in, and carrying a session on: who gets tokens. */

import type { AccessTokens } from "../../lib/access-tokens.ts";
import { type Caller, call } from "../../lib/contract.ts";
import type { Dialect } from "../../lib/dialects.ts";
import { unauthenticated } from "../../lib/errors.ts";
import type { SessionId } from "../../lib/ids.ts";
import type { Passwords } from "../../lib/passwords.ts";
import type { ActionContext } from "../../mixins/actions.ts";
import { type Accounts, type ActiveAccount, wrongPassword } from "./accounts.ts";
import type { SignInGuard } from "./sign-in-guard.ts";

type Ctx = ActionContext<unknown>;

/** How long access tokens are good, in seconds. */
interface Lifetimes {
  usual: number;
  /** Of a session without a refresh: no token of it should outlive it. */
  session: number;
}

/** In these one signs in for a day, and can't refresh. */
const A_DAY: readonly Dialect[] = ["chat-server", "user-management", "auth-posts"];
const A_DAY_S = 86_400;

export class SignIn {
  readonly #accounts: Accounts;
  readonly #passwords: Passwords;
  readonly #guard: SignInGuard;
  readonly #tokens: AccessTokens;
  readonly #lifetimes: Lifetimes;

  constructor(
    accounts: Accounts,
    passwords: Passwords,
    guard: SignInGuard,
    tokens: AccessTokens,
    lifetimes: Lifetimes,
  ) {
    this.#accounts = accounts;
    this.#passwords = passwords;
    this.#guard = guard;
    this.#tokens = tokens;
    this.#lifetimes = lifetimes;
  }

  /** @param name email or username. @throws UNAUTHENTICATED, RESOURCE_EXHAUSTED */
  async withPassword(ctx: Ctx, name: string, password: string) {
    const found = await this.#accounts.findByName(name);
    const account = await this.#check(ctx, found, found?._id ?? name, password);
    await this.#accounts.refreshHash(account, password);
    return this.open(ctx, account);
  }

  /** Asks for the password once more, before what can't be taken back. */
  async confirm(ctx: Ctx, account: ActiveAccount, password: string): Promise<void> {
    // Counted by session: strangers who guess must not lock out who is signed in.
    await this.#check(ctx, account, ctx.meta.user?.sessionId ?? account._id, password);
  }

  /**
   * Opens a session, then reads the account again: where its password or state changed while that went on, whoever changed
   * it has not seen this session, so it must not live.
   */
  async open(ctx: Ctx, { _id, password_version }: ActiveAccount) {
    const { dialect } = ctx.meta;
    const wanted = { user_id: _id, ...(dialect === undefined ? {} : { dialect }) };
    const { session_id, refresh_token } = await call(ctx, "v1.session.createSession", wanted);
    const now = await this.#accounts.find(_id);
    if (now?.password_version !== password_version) {
      await call(ctx, "v1.session.deleteSession", {}, asCaller(_id, session_id));
      throw wrongPassword();
    }
    return { ...this.#answer(now, session_id, dialect), refresh_token };
  }

  async refresh(ctx: Ctx, refreshToken: string) {
    const { session_id, user_id, refresh_token } = await call(ctx, "v1.session.rotateSession", {
      refresh_token: refreshToken,
    });
    const account = await this.#accounts.find(user_id);
    if (!account) throw unauthenticated("The refresh token is not valid. Sign in again.");
    return { ...this.#answer(account, session_id), refresh_token };
  }

  /** As `refresh`, where the refresh token stays as it is. */
  async renew(ctx: Ctx, refresh_token: string) {
    const { session_id, user_id } = await call(ctx, "v1.session.prolongSession", { refresh_token });
    const account = await this.#accounts.find(user_id);
    if (!account) throw unauthenticated("The refresh token is not valid. Sign in again.");
    return this.#answer(account, session_id);
  }

  async #check(ctx: Ctx, account: ActiveAccount | undefined, key: string, password: string) {
    const attempt = await this.#guard.enter(key, ctx.meta.address ?? "");
    const right = await this.#passwords.matches(password, account?.password_hash);
    if (!right || !account) {
      await attempt.failed();
      throw wrongPassword();
    }
    await attempt.succeeded();
    return account;
  }

  #answer({ _id, role }: ActiveAccount, sessionId: SessionId, dialect?: Dialect) {
    const { usual, session } = this.#lifetimes;
    const ttl = dialect && A_DAY.includes(dialect) ? Math.min(A_DAY_S, session) : usual;
    return {
      user_id: _id,
      access_token: this.#tokens.sign({ id: _id, sessionId, role }, ttl),
      expires_in: ttl,
    };
  }
}

const asCaller = (id: ActiveAccount["_id"], sessionId: SessionId) => ({
  meta: { user: { id, sessionId, role: "user" } satisfies Caller },
});

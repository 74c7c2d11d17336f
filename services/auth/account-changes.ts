/** Changes of what one signs in with, and the end of an account: once it is clear who asks, whatever they showed for it. */
import { call } from "../../lib/contract.ts";
import { failedPrecondition, permissionDenied } from "../../lib/errors.ts";
import type { SessionId, UserId } from "../../lib/ids.ts";
import { type ActionContext, callerOf } from "../../mixins/actions.ts";
import { forget } from "../../mixins/cached.ts";
import type { Accounts, ActiveAccount } from "./accounts.ts";
import type { Deletions } from "./deletion.ts";
import { endSessions } from "./ending-sessions.ts";

/** Whoever signed in this long ago, or longer, has to show the password once more. */
const RECENT_MS = 15 * 60_000;

export interface WantedChanges {
  email?: string | undefined;
  username?: string | undefined;
  new_password?: string | undefined;
}

export class AccountChanges {
  readonly #accounts: Accounts;
  readonly #deletions: Deletions;

  constructor(accounts: Accounts, deletions: Deletions) {
    this.#accounts = accounts;
    this.#deletions = deletions;
  }

  /** In place of the password, where a request carries none. @throws PERMISSION_DENIED after too long */
  async assertRecentSignIn(ctx: ActionContext<unknown>): Promise<void> {
    const { sessionId: session_id } = callerOf(ctx);
    const { opened_at_unix_ms } = await call(ctx, "v1.session.validateSession", { session_id });
    if (opened_at_unix_ms !== null && Date.now() - opened_at_unix_ms < RECENT_MS) return;
    throw permissionDenied("Sign in again: this needs a sign-in less than 15 minutes old.");
  }

  /**
   * @param checked as it was when it became clear that the caller may
   * @param keep the session that outlives a new password; without it none does
   * @throws ALREADY_EXISTS, FAILED_PRECONDITION
   */
  async apply(
    ctx: ActionContext<unknown>,
    checked: ActiveAccount,
    { email, username, new_password }: WantedChanges,
    keep?: SessionId,
  ): Promise<ActiveAccount> {
    const { _id } = checked;
    let account = checked;
    // What can be refused comes before what is changed.
    if (email !== undefined) await this.#accounts.refuseTaken("email", email, _id);
    if (username !== undefined) await this.#accounts.refuseTaken("username", username, _id);
    if (email !== undefined) account = await this.#accounts.changeName(account, "email", email);
    if (username !== undefined) account = await this.#accounts.changeName(account, "username", username);
    if (new_password !== undefined) {
      account = await this.#accounts.changePassword(checked, new_password, keep);
      await endSessions(ctx, this.#accounts, account);
    }
    await forget(ctx.broker, ["v1.users.getMe", _id]);
    return account;
  }

  /** @throws FAILED_PRECONDITION where it changed meanwhile */
  async delete(ctx: ActionContext<unknown>, checked: ActiveAccount): Promise<void> {
    if (!(await this.#deletions.begin(checked))) {
      throw failedPrecondition("The account was changed by another request meanwhile.");
    }
    await call(ctx, "v1.session.revokeUser", { user_id: checked._id });
    await this.#deletions
      .tell(checked._id, 1)
      .catch((error: unknown) =>
        ctx.broker.logger.warn("Who holds something of a user is told later.", error),
      );
  }

  /** The usernames of some users. @param ids at most 100 */
  async usernamesOf(ids: UserId[]): Promise<{ id: UserId; username: string | null }[]> {
    const found = await this.#accounts.findAll(ids);
    return found.map(({ _id, username }) => ({ id: _id, username: username ?? null }));
  }
}

/** Accounts, and who may sign in to them. */
import { AccessTokens } from "../../lib/access-tokens.ts";
import { call } from "../../lib/contract.ts";
import { hasCode, invalidArgument, isVecheError, unavailable } from "../../lib/errors.ts";
import { Passwords } from "../../lib/passwords.ts";
import { type ActionContext, callerOf, implement } from "../../mixins/actions.ts";
import { forget, forgetting } from "../../mixins/cached.ts";
import { Claims } from "../../mixins/claims.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { payDebts } from "../../mixins/durable-events/debts.ts";
import { publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { AccountChanges } from "./account-changes.ts";
import { Accounts, type ActiveAccount, type NewAccount } from "./accounts.ts";
import { authContract } from "./auth.contract.ts";
import { type AccountDocument, authCollections } from "./auth.store.ts";
import { Deletions } from "./deletion.ts";
import { endSessions } from "./ending-sessions.ts";
import { ImportedAccounts } from "./importing.ts";
import { SignIn } from "./sign-in.ts";
import { type RedisClient, SignInGuard } from "./sign-in-guard.ts";
import { sweepAccounts } from "./sweep-accounts.ts";

export interface AuthService extends WithCollections<typeof authCollections> {
  accounts: Accounts;
  changes: AccountChanges;
  claims: Claims<AccountDocument>;
  deletions: Deletions;
  guard: SignInGuard;
  signIn: SignIn;
}

export default defineService<AuthService>({
  name: "auth",
  version: 1,
  metadata: { needs: ["v1.session", "v1.users"] },
  mixins: [
    collections(authCollections),
    forgetting,
    sweep<AuthService>({
      name: "accounts",
      run() {
        return sweepAccounts(this);
      },
    }),
  ],

  actions: implement<typeof authContract, AuthService>(authContract, {
    async "v1.auth.register"(ctx) {
      const { nickname, display_name, ...given } = ctx.params;
      await this.guard.countRegistration(ctx.meta.address ?? "");
      const account = await makeAccount(this, ctx, given, { nickname, display_name });
      return this.signIn.open(ctx, account).catch((error: unknown) => {
        if (!hasCode(error, "UNAVAILABLE") && isVecheError(error)) throw error;
        throw unavailable("The account was made, but signing in is not possible now. Sign in shortly.");
      });
    },
    "v1.auth.login"(ctx) {
      const { email, username, password } = ctx.params;
      return this.signIn.withPassword(ctx, email ?? username ?? "", password);
    },
    "v1.auth.refresh"(ctx) {
      return this.signIn.refresh(ctx, ctx.params.refresh_token);
    },
    "v1.auth.renewAccess"(ctx) {
      return this.signIn.renew(ctx, ctx.params.refresh_token);
    },
    "v1.auth.verify"(ctx) {
      const { id, sessionId, role } = callerOf(ctx);
      return { user_id: id, session_id: sessionId, role };
    },
    async "v1.auth.getAccount"(ctx) {
      return shown(await this.accounts.get(callerOf(ctx).id));
    },
    async "v1.auth.updateAccount"(ctx) {
      const { password, ...changes } = ctx.params;
      const { id, sessionId } = callerOf(ctx);
      const account = await this.accounts.get(id);
      if (changes.email !== undefined || changes.new_password !== undefined) {
        if (password === undefined) {
          throw invalidArgument("password: is needed to change the email or the password", [
            { path: "password", message: "is needed to change the email or the password" },
          ]);
        }
        await this.signIn.confirm(ctx, account, password);
      }
      return shown(await this.changes.apply(ctx, account, changes, sessionId));
    },
    async "v1.auth.deleteAccount"(ctx) {
      const { id } = callerOf(ctx);
      const account = await this.accounts.get(id);
      await this.signIn.confirm(ctx, account, ctx.params.password);
      await this.changes.delete(ctx, account);
      return null;
    },
    async "v1.auth.updateAccountAfterSignIn"(ctx) {
      const { id, sessionId } = callerOf(ctx);
      const account = await this.accounts.get(id);
      await this.changes.assertRecentSignIn(ctx);
      return shown(await this.changes.apply(ctx, account, ctx.params, sessionId));
    },
    async "v1.auth.deleteAccountAfterSignIn"(ctx) {
      const account = await this.accounts.get(callerOf(ctx).id);
      await this.changes.assertRecentSignIn(ctx);
      await this.changes.delete(ctx, account);
      return null;
    },
    async "v1.auth.createAccount"(ctx) {
      return shown(await makeAccount(this, ctx, ctx.params));
    },
    async "v1.auth.updateAccountOf"(ctx) {
      const { user_id, ...changes } = ctx.params;
      return shown(await this.changes.apply(ctx, await this.accounts.get(user_id), changes));
    },
    async "v1.auth.deleteAccountOf"(ctx) {
      await this.changes.delete(ctx, await this.accounts.get(ctx.params.user_id));
      return null;
    },
    async "v1.auth.getAccounts"(ctx) {
      return { accounts: (await this.accounts.findAll(ctx.params.user_ids)).map(shown) };
    },
    async "v1.auth.readUsernames"(ctx) {
      return { users: await this.changes.usernamesOf(ctx.params.user_ids) };
    },
    async "v1.auth.setRole"(ctx) {
      const { email, role } = ctx.params;
      const account = await this.accounts.setRole(email, role);
      await endSessions(ctx, this.accounts, account);
      await forget(this.broker, ["v1.users.getMe", account._id]);
      return shown(account);
    },
    async "v1.auth.importAccounts"(ctx) {
      const imported = new ImportedAccounts(
        this.collections.accounts,
        this.claims,
        this.accounts,
        (profiles) => call(ctx, "v1.users.importProfiles", { profiles }),
      );
      return { outcomes: await imported.make(ctx.params.accounts) };
    },
    async "v1.auth.listActive"(ctx) {
      const found = await this.collections.accounts.findByIds(ctx.params.user_ids);
      return { user_ids: found.filter(({ state }) => state === "active").map(({ _id }) => _id) };
    },
    async "v1.auth.isActive"(ctx) {
      return { active: (await this.accounts.find(ctx.params.user_id)) !== undefined };
    },
    async "v1.auth.confirmDeletion"(ctx) {
      const { user_id, round, consumer } = ctx.params;
      await this.deletions.confirm(user_id, round, consumer);
      return null;
    },
  }),

  async started() {
    const { config, keys } = runtimeOf(this.broker);
    const { accounts, accountClaims } = this.collections;
    const passwords = new Passwords(config.BCRYPT_COST);
    // Moleculer's Redis cacher has a client; the one in memory has none.
    const redis = (this.broker.cacher as { client?: RedisClient } | null)?.client;
    this.claims = new Claims(accounts, accountClaims);
    this.accounts = new Accounts(accounts, this.claims, passwords);
    this.guard = new SignInGuard(
      {
        freeFailures: config.SIGN_IN_FREE_FAILURES,
        maxFailures: config.SIGN_IN_MAX_FAILURES,
        maxFailuresOfAddress: config.SIGN_IN_ADDRESS_MAX_FAILURES,
        lock: config.SIGN_IN_LOCK_S,
        registrationsPerHour: config.REGISTRATIONS_PER_ADDRESS_PER_HOUR,
      },
      redis,
      config.NAMESPACE,
    );
    this.signIn = new SignIn(this.accounts, passwords, this.guard, new AccessTokens(keys), {
      usual: config.ACCESS_TOKEN_TTL_S,
      session: config.SESSION_TTL_S,
    });
    this.deletions = new Deletions(
      accounts,
      this.claims,
      (event) => publish(this.broker, "user.deleted", event),
      config.STALE_AFTER_MS,
    );
    this.changes = new AccountChanges(this.accounts, this.deletions);
  },
});

/** With its profile. @throws ALREADY_EXISTS */
async function makeAccount(
  { accounts, collections, logger }: AuthService,
  ctx: ActionContext<unknown>,
  account: NewAccount,
  profile: { nickname?: string | undefined; display_name?: string | undefined } = {},
): Promise<ActiveAccount> {
  const made = await accounts.create(account, (user_id) =>
    call(ctx, "v1.users.prepareProfile", { user_id, ...profile }),
  );
  await payDebts(collections.accounts, made, (event, payload) => publish(ctx, event, payload)).catch(
    (error: unknown) => logger.warn("An event stays owed; the sweep sends it.", error),
  );
  return made;
}

const shown = ({ _id, email, username, role }: ActiveAccount) => ({
  id: _id,
  email,
  username: username ?? null,
  role,
});

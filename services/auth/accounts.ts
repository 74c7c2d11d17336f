/** Accounts: made, found, changed. What one signs in with is checked here, whichever door the request came through. */
import { randomUUID } from "node:crypto";
import type { Role } from "../../lib/contract.ts";
import {
  DuplicateKey,
  failedPrecondition,
  hasCode,
  notFound,
  unauthenticated,
  unavailable,
} from "../../lib/errors.ts";
import { newUserId, type SessionId, type UserId } from "../../lib/ids.ts";
import type { Passwords } from "../../lib/passwords.ts";
import { type Claims, taken } from "../../mixins/claims.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { owing } from "../../mixins/durable-events/debts.ts";
import { type AccountDocument, CLAIMED, type EndingSessions } from "./auth.store.ts";

export interface NewAccount {
  email: string;
  username?: string | undefined;
  password: string;
}

/** An account that can be signed in to. */
export type ActiveAccount = AccountDocument & { state: "active"; email: string };

const MAX_CLASHES = 5;
const NOBODY = "nobody";

export class Accounts {
  readonly #accounts: Collection<AccountDocument>;
  readonly #claims: Claims<AccountDocument>;
  readonly #passwords: Passwords;

  constructor(accounts: Collection<AccountDocument>, claims: Claims<AccountDocument>, passwords: Passwords) {
    this.#accounts = accounts;
    this.#claims = claims;
    this.#passwords = passwords;
  }

  /**
   * @param prepare makes what belongs to the new account elsewhere, or nothing and throws ALREADY_EXISTS
   * @throws ALREADY_EXISTS
   */
  async create(
    { email, username, password }: NewAccount,
    prepare: (id: UserId) => Promise<unknown>,
  ): Promise<ActiveAccount> {
    // Before the hash, which costs a quarter of a second: most refusals are known here.
    await this.refuseTaken("email", email);
    if (username !== undefined) await this.refuseTaken("username", username);
    let account = await this.#insert(await this.#passwords.hash(password));
    try {
      account = await this.#claims.take(account, "email", email);
      if (username !== undefined) account = await this.#claims.take(account, "username", username);
      await prepare(account._id);
      const active = await this.#accounts.findOneAndUpdate(
        { _id: account._id, state: "registering" },
        {
          $set: {
            state: "active",
            ...owing({ event: "user.registered", payload: { user_id: account._id } }),
          },
          $unset: { unsettled_since: true },
        },
      );
      if (!isActive(active)) throw unavailable();
      return active;
    } catch (error) {
      // After anything but a clear refusal it is open what was made, and may still be under way: the sweep's to clear up.
      if (hasCode(error, "ALREADY_EXISTS")) await this.discard(account._id);
      throw error;
    }
  }

  /** Takes back a registration that did not come to its end. What it left elsewhere is the caller's to remove. */
  async discard(id: UserId): Promise<void> {
    const account = await this.#accounts.findById(id);
    const abandoned = account && (await this.abandon(account));
    if (!abandoned) return;
    await this.#claims.releaseAll(abandoned, [...CLAIMED]);
    await this.#accounts.deleteOne({ _id: id, state: "discarding" });
  }

  /** From here on a registration can't come to its end. @returns null where it has, or has moved on since it was read */
  abandon({ _id, state, unsettled_since }: AccountDocument): Promise<AccountDocument | null> {
    if (state !== "registering" && state !== "discarding") return Promise.resolve(null);
    return this.#accounts.findOneAndUpdate(
      { _id, state, unsettled_since: unsettled_since ?? null },
      { $set: { state: "discarding" } },
    );
  }

  async find(id: UserId): Promise<ActiveAccount | undefined> {
    const account = await this.#accounts.findById(id);
    return isActive(account) ? account : undefined;
  }

  /** @param ids at most 1000, in any order; leaves out what is not there */
  async findAll(ids: UserId[]): Promise<ActiveAccount[]> {
    return (await this.#accounts.findByIds(ids)).filter(isActive);
  }

  /** @param name an email, or a username */
  async findByName(name: string): Promise<ActiveAccount | undefined> {
    // A username has no @, and an email always has one.
    const field = name.includes("@") ? "email" : "username";
    const owner = await this.#claims.ownerOf(field, name);
    // Looked up also where there is none, so that this takes as long for a name that nobody has.
    const account = await this.find((owner ?? NOBODY) as UserId);
    // The claim may be that of a value it only wants, or had.
    return account?.[field]?.toLowerCase() === name.toLowerCase() ? account : undefined;
  }

  /** @throws NOT_FOUND for the account of a request that is being deleted meanwhile */
  async get(id: UserId): Promise<ActiveAccount> {
    const account = await this.find(id);
    if (!account) throw notFound("There is no such account.");
    return account;
  }

  /** Early, before anything is changed. @throws ALREADY_EXISTS where it is another's */
  async refuseTaken(field: "email" | "username", value: string, self?: UserId): Promise<void> {
    const owner = await this.#claims.ownerOf(field, value);
    if (owner === undefined || owner === self) return;
    throw taken(field);
  }

  /** @throws ALREADY_EXISTS */
  async changeName(
    account: ActiveAccount,
    field: "email" | "username",
    value: string,
  ): Promise<ActiveAccount> {
    const changed = await this.#claims.take(account, field, value);
    if (!isActive(changed)) throw notFound("There is no such account.");
    return changed;
  }

  /**
   * The other sessions of the account are `ending` from then on.
   * @param checked as it was when its password was checked: where that changed meanwhile, nothing is changed
   * @param keep the session that stays, if any
   */
  async changePassword(checked: ActiveAccount, password: string, keep?: SessionId): Promise<ActiveAccount> {
    const { _id, password_version } = checked;
    const password_hash = await this.#passwords.hash(password);
    const changed = await this.#accounts.findOneAndUpdate(
      { _id, state: "active", password_version },
      { $set: { password_hash, ...endingSessions(keep) }, $inc: { password_version: 1 } },
    );
    if (!isActive(changed))
      throw failedPrecondition("The password was changed by another request meanwhile.");
    return changed;
  }

  /** A hash of another cost than today's is made anew while the password is at hand. */
  async refreshHash({ _id, password_hash: old }: ActiveAccount, password: string): Promise<void> {
    if (!this.#passwords.isOutdated(old)) return;
    const password_hash = await this.#passwords.hash(password);
    await this.#accounts.updateOne({ _id, password_hash: old }, { $set: { password_hash } });
  }

  async setRole(email: string, role: Role): Promise<ActiveAccount> {
    const found = await this.findByName(email);
    // Tokens carry the role: those of a former administrator must not live on.
    const update = { $set: { role, ...(role === "user" ? endingSessions() : {}) } };
    const account = found && (await this.#accounts.findOneAndUpdate({ _id: found._id }, update));
    if (!account || !isActive(account)) throw notFound("No account has this email.");
    return account;
  }

  /** The account's `ending` sessions have ended. */
  async settleEnding({ _id, ending }: AccountDocument): Promise<void> {
    if (!ending) return;
    await this.#accounts.updateOne(
      { _id, state: "active", "ending.id": ending.id },
      { $unset: { ending: true, unsettled_since: true } },
    );
  }

  async #insert(password_hash: string): Promise<AccountDocument> {
    for (let clashes = 0; ; clashes += 1) {
      const now = Date.now();
      try {
        return await this.#accounts.insert({
          _id: newUserId(),
          password_hash,
          password_version: 0,
          role: "user",
          state: "registering",
          created_at: now,
          unsettled_since: now,
        });
      } catch (error) {
        if (!(error instanceof DuplicateKey) || clashes >= MAX_CLASHES) throw error;
      }
    }
  }
}

/** For a `$set`: all sessions made until now have to end, but for one. */
function endingSessions(except?: SessionId): { ending: EndingSessions; unsettled_since: number } {
  const now = Date.now();
  return { ending: { id: randomUUID(), before: now, ...(except ? { except } : {}) }, unsettled_since: now };
}

function isActive(account: AccountDocument | null): account is ActiveAccount {
  return account?.state === "active" && account.email !== undefined;
}

/** One answer for a wrong password and for no such account. */
export const wrongPassword = () => unauthenticated("The email, username or password is not right.");

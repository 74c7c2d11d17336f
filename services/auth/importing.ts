/**
 * Accounts of older systems, many at a time, under ids that were reserved for them. Each becomes visible as a whole or not at
 * all, and all of it can be repeated: the account is `registering`, with its names, until these are claimed and its profile is
 * there. What a crash leaves is gone on with by the next attempt, or taken back by the sweep.
 */
import type { z } from "zod";
import type { ParamsOf, ResultOf } from "../../lib/contract.ts";
import { unavailable } from "../../lib/errors.ts";
import { bareHash } from "../../lib/passwords.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { Accounts } from "./accounts.ts";
import type { ImportedAccount as ImportedAccountSchema } from "./auth.contract.ts";
import type { AccountDocument } from "./auth.store.ts";

type ImportedAccount = z.output<typeof ImportedAccountSchema>;
type Outcome = ResultOf<"v1.auth.importAccounts">["outcomes"][number];

/** @throws anything, and then nothing of this is made */
export type MakeProfiles = (
  profiles: ParamsOf<"v1.users.importProfiles">["profiles"],
) => Promise<ResultOf<"v1.users.importProfiles">>;

export class ImportedAccounts {
  readonly #documents: Collection<AccountDocument>;
  readonly #claims: Claims<AccountDocument>;
  readonly #accounts: Accounts;
  readonly #makeProfiles: MakeProfiles;

  constructor(
    documents: Collection<AccountDocument>,
    claims: Claims<AccountDocument>,
    accounts: Accounts,
    makeProfiles: MakeProfiles,
  ) {
    this.#documents = documents;
    this.#claims = claims;
    this.#accounts = accounts;
    this.#makeProfiles = makeProfiles;
  }

  /**
   * In the order of the accounts. No event goes out for them: a consumer of `user.registered` would first have to be there.
   * @throws UNAVAILABLE where another is at the same accounts
   */
  async make(accounts: ImportedAccount[]): Promise<Outcome[]> {
    const outcomes = new Map<string, Outcome>();
    const { there, unfinished } = await this.#begin(accounts);
    for (const id of there) outcomes.set(id, { outcome: "there" });
    let left = unfinished;
    for (const field of ["email", "username"] as const) {
      const refused = await this.#claims.claimHeld(left, field);
      for (const { _id } of left.filter((account) => refused.has(account._id))) {
        await this.#accounts.discard(_id);
        outcomes.set(_id, { outcome: "refused", reason: `this ${field} is taken` });
      }
      left = left.filter(({ _id }) => !refused.has(_id));
    }
    const isLeft = new Set<string>(left.map(({ _id }) => _id));
    const profiles = accounts.flatMap(({ user_id, profile, created_at }) =>
      isLeft.has(user_id) ? [{ user_id, created_at, ...profile }] : [],
    );
    if (profiles.length > 0) {
      for (const { user_id, nickname_taken } of (await this.#makeProfiles(profiles)).profiles) {
        outcomes.set(user_id, { outcome: "made", ...(nickname_taken ? { nickname_taken } : {}) });
      }
      await this.#activate(left);
    }
    return accounts.map(({ user_id }) => {
      const outcome = outcomes.get(user_id);
      if (!outcome) throw unavailable();
      return outcome;
    });
  }

  /** Makes what is not there yet, and takes over what an earlier attempt left. */
  async #begin(accounts: ImportedAccount[]) {
    const found = await this.#documents.findByIds(accounts.map(({ user_id }) => user_id));
    const known = new Map(found.map((account) => [account._id, account]));
    const now = Date.now();
    const fresh = accounts
      .filter(({ user_id }) => !known.has(user_id))
      .map((account) => documentOf(account, now));
    const { inserted } = await this.#documents.insertMany(fresh);
    if (inserted < fresh.length) throw unavailable();
    const there: string[] = [];
    const unfinished = [...fresh];
    for (const account of accounts) {
      const before = known.get(account.user_id);
      if (!before) continue;
      if (before.state === "active" || before.state === "deleting") there.push(before._id);
      else unfinished.push(await this.#resume(before, account, now));
    }
    return { there, unfinished };
  }

  /** From now on it is young again, so that no sweep takes it back. */
  async #resume(before: AccountDocument, account: ImportedAccount, now: number): Promise<AccountDocument> {
    const { _id, unsettled_since } = before;
    const { email, username, password_hash } = documentOf(account, now);
    const resumed = await this.#documents.findOneAndUpdate(
      { _id, state: "registering", unsettled_since: unsettled_since ?? null },
      {
        $set: { unsettled_since: now, email, password_hash, ...(username === undefined ? {} : { username }) },
        ...(username === undefined ? { $unset: { username: true } } : {}),
      },
    );
    if (!resumed) throw unavailable();
    // The record may have been changed since. Claims on what it said before go.
    const stale = {
      ...before,
      email: differing(before.email, email),
      username: differing(before.username, username),
    };
    await this.#claims.releaseAll(stale, ["email", "username"]);
    return resumed;
  }

  async #activate(accounts: AccountDocument[]): Promise<void> {
    const ids = accounts.map(({ _id }) => _id);
    const activated = await this.#documents.updateMany(
      { _id: { $in: ids }, state: "registering" },
      { $set: { state: "active" }, $unset: { unsettled_since: true } },
    );
    // The sweep took one back meanwhile. Repeated, the others are there.
    if (activated < ids.length) throw unavailable();
  }
}

const differing = (before: string | undefined, now: string | undefined) =>
  before?.toLowerCase() === now?.toLowerCase() ? undefined : before;

const documentOf = (
  { user_id, email, username, password_hash, created_at }: ImportedAccount,
  now: number,
): AccountDocument => ({
  _id: user_id,
  email,
  ...(username === undefined ? {} : { username }),
  password_hash: bareHash(password_hash),
  password_version: 0,
  role: "user",
  state: "registering",
  created_at,
  unsettled_since: now,
});

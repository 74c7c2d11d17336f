/**
 * Deleting an account, a small saga. The account turns `deleting`, so that nobody signs in any more; all who hold something
 * of the user are told, and confirm; when the longest request can have ended they are told once more, for what came in
 * between; then the account goes. A sweep tells them again until all have confirmed, so a consumer may be away for days.
 */
import type { DurableEvents } from "../../lib/contract.ts";
import type { UserId } from "../../lib/ids.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { ActiveAccount } from "./accounts.ts";
import { DELETION_CONSUMERS } from "./auth.contract.ts";
import { type AccountDocument, CLAIMED, type Deletion } from "./auth.store.ts";

export type TellAll = (event: DurableEvents["user.deleted"]) => Promise<void>;

export class Deletions {
  readonly #accounts: Collection<AccountDocument>;
  readonly #claims: Claims<AccountDocument>;
  readonly #tellAll: TellAll;
  /** Milliseconds after which no request can still be under way, and what was not confirmed is told again. */
  readonly #patience: number;

  constructor(
    accounts: Collection<AccountDocument>,
    claims: Claims<AccountDocument>,
    tellAll: TellAll,
    patience: number,
  ) {
    this.#accounts = accounts;
    this.#claims = claims;
    this.#tellAll = tellAll;
    this.#patience = patience;
  }

  /**
   * @param account as it was when its password was checked
   * @returns false where its password changed meanwhile; true also where another request began just before
   */
  async begin({ _id, password_version }: ActiveAccount): Promise<boolean> {
    const now = Date.now();
    const deletion: Deletion = { round: 1, started_at: now, confirmed: [] };
    const begun = await this.#accounts.updateOne(
      { _id, state: "active", password_version },
      { $set: { state: "deleting", unsettled_since: now, deletion } },
    );
    return begun || (await this.#accounts.findById(_id))?.state !== "active";
  }

  /** What fails here the sweep does later. */
  async tell(user: UserId, round: 1 | 2): Promise<void> {
    await this.#tellAll({ user_id: user, round });
  }

  async confirm(user: UserId, round: number, consumer: string): Promise<void> {
    await this.#accounts.updateOne(
      { _id: user, state: "deleting", "deletion.round": round },
      { $addToSet: { "deletion.confirmed": consumer } },
    );
  }

  /** Moves one account that is being deleted a step on. */
  async advance(account: AccountDocument): Promise<void> {
    const { _id, deletion } = account;
    if (!deletion) return;
    const { round, started_at, confirmed } = deletion;
    const now = Date.now();
    const complete = DELETION_CONSUMERS.every((consumer) => confirmed.includes(consumer));
    if (complete && round === 2) {
      await this.#claims.releaseAll(account, [...CLAIMED]);
      await this.#accounts.deleteOne({ _id, state: "deleting" });
    } else if (complete && now - started_at >= this.#patience) {
      const second: Deletion = { round: 2, started_at: now, confirmed: [] };
      const moved = await this.#accounts.updateOne(
        { _id, "deletion.round": 1 },
        { $set: { deletion: second, unsettled_since: now } },
      );
      if (moved) await this.tell(_id, 2);
    } else if (!complete && now - (account.unsettled_since ?? 0) >= this.#patience) {
      await this.#accounts.updateOne({ _id, state: "deleting" }, { $set: { unsettled_since: now } });
      await this.tell(_id, round);
    }
  }
}

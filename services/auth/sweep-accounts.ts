/** Finishes what crashes left of accounts: registrations, deletions, claims and events that are owed. */
import { call } from "../../lib/contract.ts";
import { sweepDebts } from "../../mixins/durable-events/debts.ts";
import { publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import type { AuthService } from "./auth.service.ts";
import { endSessions } from "./ending-sessions.ts";

const PORTION = 100;

export async function sweepAccounts(service: AuthService): Promise<void> {
  const { broker, collections, claims, deletions, accounts } = service;
  const patience = runtimeOf(broker).config.STALE_AFTER_MS;
  let from = 0;
  for (;;) {
    const unsettled = await collections.accounts.find(
      { unsettled_since: { $gt: from } },
      { sort: { unsettled_since: 1 }, limit: PORTION },
    );
    for (const account of unsettled) {
      const { _id, state, unsettled_since = 0 } = account;
      from = unsettled_since;
      const stale = Date.now() - unsettled_since > patience;
      if (state === "deleting") {
        await deletions.advance(account);
      } else if (state === "discarding" || (state === "registering" && stale)) {
        if (!(await accounts.abandon(account))) continue;
        // The profile first: as long as the account is there, this can be repeated.
        await call(broker, "v1.users.deleteProfile", { user_id: _id });
        await accounts.discard(_id);
      } else if (state === "active" && stale) {
        await endSessions(broker, accounts, account);
      }
    }
    if (unsettled.length < PORTION) break;
  }
  await claims.sweep(Date.now() - patience);
  await sweepDebts(collections.accounts, patience, (event, payload) => publish(broker, event, payload));
}

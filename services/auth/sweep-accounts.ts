/** Finishes what crashes left of accounts: registrations, deletions, claims and events that are owed. */
import { call } from "../../lib/contract.ts";
import { each } from "../../lib/each.ts";
import { type PublishOwed, sweepDebts } from "../../mixins/durable-events/debts.ts";
import { publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import type { AuthService } from "./auth.service.ts";
import type { AccountDocument } from "./auth.store.ts";
import { endSessions } from "./ending-sessions.ts";

const PORTION = 100;

export async function sweepAccounts(service: AuthService): Promise<void> {
  const { broker, collections, claims } = service;
  const patience = runtimeOf(broker).config.STALE_AFTER_MS;
  const pay: PublishOwed = (event, payload) => publish(broker, event, payload);
  const steps = [
    () => each(unsettled(service), (account) => settle(service, account, patience)),
    () => claims.sweep(Date.now() - patience),
    () => sweepDebts(collections.accounts, patience, pay),
  ];
  await each(steps, (step) => step());
}

async function* unsettled({ collections }: AuthService): AsyncGenerator<AccountDocument> {
  let from = 0;
  for (;;) {
    const portion = await collections.accounts.find(
      { unsettled_since: { $gt: from } },
      { sort: { unsettled_since: 1 }, limit: PORTION },
    );
    yield* portion;
    from = portion.at(-1)?.unsettled_since ?? from;
    if (portion.length < PORTION) return;
  }
}

async function settle(
  { broker, deletions, accounts }: AuthService,
  account: AccountDocument,
  patience: number,
): Promise<void> {
  const { _id, state, unsettled_since = 0 } = account;
  const stale = Date.now() - unsettled_since > patience;
  if (state === "deleting") {
    await deletions.advance(account);
  } else if (state === "discarding" || (state === "registering" && stale)) {
    if (!(await accounts.abandon(account))) return;
    // The profile first: as long as the account is there, this can be repeated.
    await call(broker, "v1.users.deleteProfile", { user_id: _id });
    await accounts.discard(_id);
  } else if (state === "active" && stale) {
    await endSessions(broker, accounts, account);
  }
}

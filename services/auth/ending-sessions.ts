/** Revokes the sessions that an account owes the end of, since its password or role changed. */
import { call } from "../../lib/contract.ts";
import type { Accounts } from "./accounts.ts";
import type { AccountDocument } from "./auth.store.ts";

/** What fails here the sweep does later. @param from a context or a broker */
export async function endSessions(
  from: Parameters<typeof call>[0],
  accounts: Accounts,
  account: AccountDocument,
): Promise<void> {
  if (!account.ending) return;
  const { before, except } = account.ending;
  await call(from, "v1.session.revokeUser", {
    user_id: account._id,
    created_before_unix_ms: before,
    ...(except ? { except } : {}),
  });
  await accounts.settleEnding(account);
}

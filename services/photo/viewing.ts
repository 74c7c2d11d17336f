/** Who sees whose photos: all who are signed in, but for those whom the owner blocked. */
import type { Context } from "moleculer";
import { call } from "../../lib/contract.ts";
import type { UserId } from "../../lib/ids.ts";

/** @throws UNAVAILABLE while nobody can tell */
export async function mayView(ctx: Context, viewer: UserId, owner: UserId): Promise<boolean> {
  if (viewer === owner) return true;
  const { hidden_ids } = await call(ctx, "v1.social.blockedAmong", { user_id: viewer, others: [owner] });
  return hidden_ids.length === 0;
}

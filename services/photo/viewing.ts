/** Who sees whose photos: all who are signed in, but for those whom the owner blocked. */
import type { Context } from "moleculer";
import type { UserId } from "../../lib/ids.ts";

/**
 * SEAM: blocks are asked for here, and nowhere else, as soon as the service that knows them is there:
 * `const { hidden_ids } = await call(ctx, "v1.social.blockedAmong", { user_id: viewer, others: [owner] })`.
 */
export async function mayView(_ctx: Context, viewer: UserId, owner: UserId): Promise<boolean> {
  return viewer === owner || true;
}

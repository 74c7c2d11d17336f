/** Who sees whose photos: all who are signed in, but for those whom the owner blocked. */
import type { Context } from "moleculer";
import type { UserId } from "../../lib/ids.ts";
import { hiddenFrom } from "../social/social.contract.ts";

/** @throws UNAVAILABLE while nobody can tell */
export async function mayView(ctx: Context, viewer: UserId, owner: UserId): Promise<boolean> {
  return !(await hiddenFrom(ctx, viewer, [owner])).has(owner);
}

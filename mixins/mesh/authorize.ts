/** Checks each call against its contract's audience, whatever door the call came through. */
import type { ActionSchema, Context, Middleware } from "moleculer";
import type { Meta } from "../../lib/contract.ts";
import { permissionDenied, unauthenticated } from "../../lib/errors.ts";
import type { ActionDefinition } from "../actions.ts";

type Next = (ctx: Context<unknown, Meta>) => Promise<unknown>;

export const authorize: Middleware = {
  name: "Authorize",
  localAction(next: Next, action: ActionSchema): Next {
    const { audience } = action as Partial<Pick<ActionDefinition, "audience">>;
    if (audience !== "user" && audience !== "admin") return next;
    return (ctx) => {
      const { user } = ctx.meta;
      if (!user) return Promise.reject(unauthenticated());
      if (audience === "admin" && user.role !== "admin") {
        return Promise.reject(permissionDenied("Only an administrator may do this."));
      }
      return next(ctx);
    };
  },
};

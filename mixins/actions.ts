/** Turns a contract and its handlers into the actions of a Moleculer service. */
import type { Context, Service, ServiceActions } from "moleculer";
import type { z } from "zod";
import type { ActionContract, Audience, Caller, Contract, Meta } from "../lib/contract.ts";
import { unauthenticated } from "../lib/errors.ts";

export type ActionContext<P> = Context<P, Meta>;

/** The contract of an action as its Moleculer definition carries it. The broker deep-clones definitions, and a Zod
 * schema does not survive that: so it hides behind a function. */
export interface ActionDefinition {
  params: { zod: () => z.ZodType };
  audience: Audience;
  idempotent: boolean;
  /** Plain values, so that callers on other nodes learn it too. */
  retryPolicy: { enabled: boolean };
}

type Handlers<C extends Contract, S> = {
  [N in keyof C]: (
    this: S,
    ctx: ActionContext<z.output<C[N]["params"]>>,
  ) => Promise<z.input<C[N]["result"]>> | z.input<C[N]["result"]>;
};

/** Extra Moleculer options of single actions: `strategy`, `cache`, `timeout` … */
type Options<C extends Contract> = { [N in keyof C]?: Record<string, unknown> };

/**
 * @param contract all of its actions must have a handler, named in full: `v1.users.getMe`
 * @param handlers `this` is the service
 */
export function implement<C extends Contract, S = Service>(
  contract: C,
  handlers: Handlers<C, S>,
  options: Options<C> = {},
): ServiceActions {
  return Object.fromEntries(
    Object.entries<ActionContract>(contract).map(([fullName, { audience, params, idempotent }]) => {
      const definition: ActionDefinition & Record<string, unknown> = {
        params: { zod: () => params },
        audience,
        idempotent: idempotent === true,
        retryPolicy: { enabled: idempotent === true },
        // The gateway routes only to published actions.
        visibility: audience === "services" ? "public" : "published",
        ...options[fullName],
        handler: handlers[fullName],
      };
      return [fullName.slice(fullName.lastIndexOf(".") + 1), definition];
    }),
  ) as unknown as ServiceActions;
}

/** The signed-in user of a request. The broker has checked that there is one, where the contract's audience asks. */
export function callerOf(ctx: ActionContext<unknown>): Caller {
  if (!ctx.meta.user) throw unauthenticated();
  return ctx.meta.user;
}

/** Caches answers of actions, and forgets single ones on every node when what they say has changed. */
import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import type { ActionName } from "../lib/contract.ts";
import { runtimeOf } from "./runtime.ts";

const FORGET = "cache.forget";

/** For an action's options: cached for `CACHE_TTL_S` under one of its params, or of the meta: `#user.id`. */
export const cachedBy = (key: string) => ({ cache: { enabled: true, keys: [key] } });

/** As Moleculer's cachers make it. */
const cacheKey = ([action, value]: Cached) => `${action}:"${value}"`;

/** An answer in the cache: of which action, and for which value of its key. */
export type Cached = [action: ActionName, value: string];

/** A service with cached actions has it in its `mixins`: its processes keep caches of their own where there is no Redis. */
export const forgetting: Partial<ServiceSchema> = {
  events: {
    [FORGET](this: { broker: ServiceBroker }, ctx: Context<{ keys: string[] }>) {
      return this.broker.cacher?.del(ctx.params.keys);
    },
  },
};

/** An answer that was read before the change and gets into the cache after this stays there for the time to live. */
export async function forget(broker: ServiceBroker, ...answers: Cached[]): Promise<void> {
  const keys = answers.map(cacheKey);
  await broker.cacher?.del(keys);
  if (!runtimeOf(broker).config.REDIS_URL) broker.broadcast(FORGET, { keys });
}

/** Caches answers of actions, and forgets single ones on every node when what they say has changed. */
import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import { runtimeOf } from "./runtime.ts";

const FORGET = "cache.forget";

/** For an action's options: cached for `CACHE_TTL_S` under the action's name and these params (`#user.id`: of the meta). */
export const cachedBy = (...keys: string[]) => ({ cache: { enabled: true, keys } });

/** A service with cached actions has it in its `mixins`: its processes keep caches of their own where there is no Redis. */
export const forgetting: Partial<ServiceSchema> = {
  events: {
    [FORGET](this: { broker: ServiceBroker }, ctx: Context<{ keys: string[] }>) {
      return this.broker.cacher?.del(ctx.params.keys);
    },
  },
};

/**
 * @param keys `<action>:<value of its key>`. An answer that was read before the change and arrives in the cache after this
 *   stays there for the time to live.
 */
export async function forget(broker: ServiceBroker, keys: string[]): Promise<void> {
  await broker.cacher?.del(keys);
  if (!runtimeOf(broker).config.REDIS_URL) broker.broadcast(FORGET, { keys });
}

/** Caches answers of actions, and forgets single ones on every node when what they say has changed. */
import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import type { ActionName } from "../lib/contract.ts";
import { runtimeOf } from "./runtime.ts";

const FORGET = "cache.forget";
/** Longer than most reads take. */
const REREAD_MS = 200;

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

/**
 * Resolves when the answers are forgotten. They are once more, when every request that read them before the change has ended:
 * one of those may have put an old answer back.
 */
export async function forget(broker: ServiceBroker, ...answers: Cached[]): Promise<void> {
  const { REDIS_URL, REQUEST_TIMEOUT_MS } = runtimeOf(broker).config;
  const keys = answers.map(cacheKey);
  const forgetNow = async () => {
    await broker.cacher?.del(keys);
    if (!REDIS_URL) broker.broadcast(FORGET, { keys });
  };
  await forgetNow();
  for (const delay of [REREAD_MS, REQUEST_TIMEOUT_MS]) {
    // The process may have stopped by then.
    setTimeout(() => void forgetNow().catch(() => {}), delay).unref();
  }
}

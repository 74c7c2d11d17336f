/**
 * Slows down and then locks guessing, per account and per address. Counts are shared by all processes through Redis; while
 * that is away, and in a process by itself, each counts in memory.
 *
 * A try is counted before its password is looked at, so that a thousand tries at once are no way around it; a right one
 * takes the count back.
 */
import { createHash } from "node:crypto";
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import { resourceExhausted } from "../../lib/errors.ts";

export interface GuardRules {
  /** Wrong passwords for one account that cost nothing but the try. */
  freeFailures: number;
  /** Wrong passwords for one account, and from one address, that lock it. */
  maxFailures: number;
  maxFailuresOfAddress: number;
  /** Seconds: how long failures count, and how long a lock lasts. */
  lock: number;
  registrationsPerHour: number;
}

/** The client that the shared cache uses, where there is one. */
export type RedisClient = ConstructorParameters<typeof RateLimiterRedis>[0]["storeClient"];

type Limiter = RateLimiterMemory | RateLimiterRedis;

/** The delay doubles with each failure, up to this many seconds. */
const MAX_DELAY = 60;

/** A try that was let in: say how it went. */
export interface Attempt {
  failed(): Promise<void>;
  succeeded(): Promise<void>;
}

export class SignInGuard {
  readonly #rules: GuardRules;
  readonly #failures: Limiter;
  readonly #delays: Limiter;
  readonly #addresses: Limiter;
  readonly #registrations: Limiter;

  /** @param prefix of the keys in Redis */
  constructor(rules: GuardRules, redis: RedisClient | undefined, prefix: string) {
    const limiter = (name: string, points: number, duration: number): Limiter => {
      const memory = new RateLimiterMemory({ keyPrefix: name, points, duration });
      if (!redis) return memory;
      return new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `${prefix}-guard-${name}`,
        points,
        duration,
        insuranceLimiter: memory,
        rejectIfRedisNotReady: true,
      });
    };
    this.#rules = rules;
    this.#failures = limiter("failures", rules.maxFailures, rules.lock);
    this.#delays = limiter("delays", 1, MAX_DELAY);
    this.#addresses = limiter("addresses", rules.maxFailuresOfAddress, rules.lock);
    this.#registrations = limiter("registrations", rules.registrationsPerHour, 3_600);
  }

  /**
   * @param account the account's id, or the name given for one that is not there: both are treated alike
   * @throws RESOURCE_EXHAUSTED, with the seconds to wait
   */
  async enter(account: string, address: string): Promise<Attempt> {
    const key = keyOf(account);
    const delay = await this.#delays.get(key);
    if (delay && delay.consumedPoints > 1) throw tooMany(delay);
    await consume(this.#addresses, networkOf(address));
    const { consumedPoints: failures } = await consume(this.#failures, key);
    return {
      failed: async () => {
        const beyond = failures - this.#rules.freeFailures;
        if (beyond >= 0) await this.#delays.block(key, Math.min(2 ** beyond, MAX_DELAY));
      },
      succeeded: async () => {
        await Promise.all([
          this.#failures.delete(key),
          this.#delays.delete(key),
          this.#addresses.reward(networkOf(address), 1),
        ]);
      },
    };
  }

  /** @throws RESOURCE_EXHAUSTED */
  async countRegistration(address: string): Promise<void> {
    await consume(this.#registrations, networkOf(address));
  }
}

async function consume(limiter: Limiter, key: string): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key, 1);
  } catch (refusal) {
    if (refusal instanceof Error) throw refusal;
    throw tooMany(refusal as RateLimiterRes);
  }
}

const tooMany = ({ msBeforeNext }: RateLimiterRes) => {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  return resourceExhausted(`Too many attempts. Try again in ${seconds} s.`, seconds);
};

/** Emails have no place in Redis. */
const keyOf = (account: string) =>
  createHash("sha256").update(account.toLowerCase()).digest("base64url").slice(0, 22);

/** Who has an IPv6 address has 2^64 of them: its network is what counts. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = (part: string | undefined) => (part ? part.split(":") : []);
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(Math.max(0, missing)).fill("0"), ...groups(tail)];
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

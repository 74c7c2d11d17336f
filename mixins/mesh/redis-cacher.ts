/** A Redis cache that is only ever a help: while Redis is away every look-up misses at once, and nothing fails. */
import type { Redis } from "ioredis";
import { Cachers, type ServiceBroker } from "moleculer";
import type { Config } from "../../lib/config.ts";

const COMMAND_TIMEOUT_MS = 300;
const RECONNECT_MS = 500;

class OptionalRedisCacher extends Cachers.Redis<Redis> {
  /** Moleculer logs each failed attempt to reconnect, with its stack. */
  override init(broker: ServiceBroker): void {
    super.init(broker);
    this.client.removeAllListeners("error");
    this.client.on("error", ({ message }: Error) => {
      if (this.connected !== false) this.logger?.warn(`Redis is away, and so is the cache: ${message}`);
      this.connected = false;
    });
  }

  /** Not null: that would be an answer. */
  override get(key: string): Promise<Record<string, unknown> | null> {
    return super.get(key).catch(() => this.opts.missingResponse);
  }

  override set(key: string, value: unknown, ttl?: number): Promise<void> {
    return super.set(key, value, ttl).catch(() => undefined);
  }

  /** What can't be deleted now ends with its time to live. */
  override del(keys: string | string[]): Promise<void> {
    return super.del(keys).catch(() => undefined);
  }

  override clean(match?: string | string[]): Promise<void> {
    return super.clean(match).catch(() => undefined);
  }

  override close(): Promise<void> {
    return super.close().catch(() => this.client.disconnect());
  }
}

export function redisCacher(url: string, config: Config) {
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  return new OptionalRedisCacher({
    prefix: `${config.NAMESPACE}-cache`,
    ttl: config.CACHE_TTL_S,
    redis: {
      host: hostname,
      port: port === "" ? 6379 : Number(port),
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
      db: Number(pathname.slice(1)) || 0,
      ...(protocol === "rediss:" ? { tls: {} } : {}),
      // Fail at once instead of queueing up behind a server that is away.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 2_000,
      retryStrategy: () => RECONNECT_MS,
    },
  });
}

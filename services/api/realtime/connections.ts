/** All live connections of this gateway: WebSockets and event streams. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionId, UserId } from "../../../lib/ids.ts";
import type { Limits } from "./limits.ts";
import type { LiveClient } from "./live-client.ts";

export class Connections {
  readonly #limits: Limits;
  /** And whose each is, once that is known. */
  readonly #open = new Map<LiveClient, UserId | undefined>();
  readonly #perUser = new Map<UserId, number>();
  readonly #heartbeat: NodeJS.Timeout;
  #drained: (() => void) | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#heartbeat = setInterval(() => {
      for (const connection of this.#open.keys()) connection.beat();
    }, limits.heartbeatMs);
  }

  get size(): number {
    return this.#open.size;
  }

  /** @returns what is to be called once, when it has ended */
  add(connection: LiveClient): () => void {
    this.#open.set(connection, undefined);
    return () => this.#forget(connection);
  }

  admit(connection: LiveClient, user: UserId): boolean {
    const others = this.#perUser.get(user) ?? 0;
    if (others >= this.#limits.connectionsPerUser) return false;
    this.#perUser.set(user, others + 1);
    this.#open.set(connection, user);
    return true;
  }

  revoke(sessions: SessionId[]): void {
    const revoked = new Set(sessions);
    for (const connection of this.#open.keys()) {
      if (connection.caller && revoked.has(connection.caller.sessionId)) connection.revoke();
    }
  }

  /**
   * Ends all of them: in peace those whose sends are answered and who answer the close, the rest without.
   * @param patience milliseconds for the sends
   */
  async close(patience: number): Promise<void> {
    clearInterval(this.#heartbeat);
    const gone = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    const leaving = Promise.all([...this.#open.keys()].map((connection) => connection.leave()));
    const timeout = new AbortController();
    const limited = (ms: number) => sleep(ms, undefined, { signal: timeout.signal }).catch(() => {});
    await Promise.race([leaving, limited(patience)]);
    if (this.#open.size > 0) await Promise.race([gone, limited(this.#limits.closeMs)]);
    timeout.abort();
    for (const connection of this.#open.keys()) connection.terminate();
  }

  #forget(connection: LiveClient): void {
    const user = this.#open.get(connection);
    this.#open.delete(connection);
    if (user !== undefined) {
      const left = (this.#perUser.get(user) ?? 0) - 1;
      if (left > 0) this.#perUser.set(user, left);
      else this.#perUser.delete(user);
    }
    if (this.#open.size === 0) this.#drained?.();
  }
}

/** All live connections of this gateway: WebSockets and event streams. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionId, UserId } from "../../../lib/ids.ts";
import {
  type BusSubscription,
  type RealtimeBus,
  userSubject,
} from "../../../mixins/realtime-bus/realtime-bus.ts";
import type { Limits } from "./limits.ts";
import type { LiveClient } from "./live-client.ts";

/** How late a connection may end. One look at all of them costs less than a timer for each. */
const LOOK_AT_DEADLINES_MS = 1_000;

export class Connections {
  readonly #limits: Limits;
  /** And whose each is, once that is known. */
  readonly #open = new Map<LiveClient, UserId | undefined>();
  readonly #perUser = new Map<UserId, { connections: LiveClient[]; subject: BusSubscription }>();
  readonly #bus: Pick<RealtimeBus, "subscribe">;
  readonly #changed: (open: number) => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #deadlines: NodeJS.Timeout;
  #drained: (() => void) | undefined;

  /** @param changed called with how many are open, whenever that changes */
  constructor(limits: Limits, bus: Pick<RealtimeBus, "subscribe">, changed: (open: number) => void) {
    this.#bus = bus;
    this.#changed = changed;
    this.#limits = limits;
    this.#heartbeat = setInterval(() => {
      for (const connection of this.#open.keys()) connection.beat();
    }, limits.heartbeatMs);
    this.#deadlines = setInterval(() => {
      const now = Date.now();
      for (const connection of this.#open.keys()) if (connection.deadline <= now) connection.expire();
    }, LOOK_AT_DEADLINES_MS);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Is to be removed when it has ended. */
  add(connection: LiveClient): void {
    this.#open.set(connection, undefined);
    this.#changed(this.#open.size);
  }

  admit(connection: LiveClient, user: UserId): boolean {
    const own = this.#perUser.get(user) ?? this.#listenFor(user);
    if (own.connections.length >= this.#limits.connectionsPerUser) return false;
    own.connections.push(connection);
    this.#open.set(connection, user);
    return true;
  }

  remove(connection: LiveClient): void {
    const user = this.#open.get(connection);
    this.#open.delete(connection);
    this.#changed(this.#open.size);
    if (user !== undefined) {
      const own = this.#perUser.get(user);
      own?.connections.splice(own.connections.indexOf(connection), 1);
      if (own?.connections.length === 0) {
        own.subject.close();
        this.#perUser.delete(user);
      }
    }
    if (this.#open.size === 0) this.#drained?.();
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
    clearInterval(this.#deadlines);
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

  /** What comes on a user's own subject are frames, for all the user's connections. */
  #listenFor(user: UserId) {
    const connections: LiveClient[] = [];
    const subject = this.#bus.subscribe(userSubject(user), (frame) => {
      const signal = { frame };
      for (const connection of connections) connection.pushSignal(signal);
    });
    const own = { connections, subject };
    this.#perUser.set(user, own);
    return own;
  }
}

/** The bus of a cluster: NATS subjects, `<namespace>.conversation.<id>` and `<namespace>.user.<id>`. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, Events, type NatsConnection } from "nats";
import type { Config } from "../../lib/config.ts";
import { natsOptions } from "../../lib/nats-options.ts";
import {
  type BusSubscription,
  kindOf,
  type Listener,
  type RealtimeBus,
  type Subject,
  type SubjectKind,
} from "./bus.ts";

const FIRST_CONNECT_EVERY_MS = 250;

export class NatsBus implements RealtimeBus {
  readonly #connection: NatsConnection;
  readonly #namespace: string;
  readonly #onReceived: (kind: SubjectKind) => void;
  readonly #reconnected = new Set<() => void>();
  #connected = true;

  constructor(connection: NatsConnection, namespace: string, onReceived: (kind: SubjectKind) => void) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#onReceived = onReceived;
    void this.#watch();
  }

  /**
   * Waits until NATS answers.
   * @param onReceived called with each message that comes in
   * @param signal ends the waiting; then rejects with its reason
   */
  static async open(
    config: Config,
    onReceived: (kind: SubjectKind) => void,
    signal: AbortSignal,
  ): Promise<NatsBus> {
    // nats' own waiting can't be ended.
    const options = { ...natsOptions(config, `${config.NAMESPACE} realtime`), waitOnFirstConnect: false };
    for (;;) {
      const connection = await connect(options).catch(() => undefined);
      if (connection && !signal.aborted) return new NatsBus(connection, config.NAMESPACE, onReceived);
      await connection?.close();
      signal.throwIfAborted();
      await sleep(FIRST_CONNECT_EVERY_MS);
    }
  }

  publish(subject: Subject, message: string): void {
    // While it is down, nats would keep all of it in memory, and throw it away when it is back.
    if (!this.#connected) return;
    try {
      this.#connection.publish(`${this.#namespace}.${subject}`, message);
    } catch {
      // Closed. What is kept is in the log, and gateways mend.
    }
  }

  subscribe(subject: Subject, listener: Listener): BusSubscription {
    const kind = kindOf(subject);
    const subscription = this.#connection.subscribe(`${this.#namespace}.${subject}`, {
      callback: (error, message) => {
        if (error) return;
        this.#onReceived(kind);
        listener(message.string());
      },
    });
    return {
      // The server has taken it when it answers a ping sent behind it. Where the connection is lost before that, it is
      // made again with the next one, of which `onReconnected` tells.
      ready: this.#connection.flush().catch(() => {}),
      close: () => subscription.unsubscribe(),
    };
  }

  onReconnected(listener: () => void): () => void {
    this.#reconnected.add(listener);
    return () => this.#reconnected.delete(listener);
  }

  async close(): Promise<void> {
    // What was published last goes out first.
    if (this.#connected) await this.#connection.flush().catch(() => {});
    await this.#connection.close();
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === Events.Disconnect) this.#connected = false;
      if (type === Events.Reconnect) void this.#resumed();
    }
    this.#connected = false;
  }

  async #resumed(): Promise<void> {
    this.#connected = true;
    // Until the server has the subscriptions, what a listener would read now could be followed by something it misses.
    await this.#connection.flush().catch(() => {});
    for (const listener of this.#reconnected) listener();
  }
}

/** The bus of a process by itself: all its services share one. */
import { EventEmitter } from "node:events";
import type { BusSubscription, Listener, RealtimeBus, Subject } from "./bus.ts";

const READY = Promise.resolve();

export class EmbeddedBus implements RealtimeBus {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  publish(subject: Subject, message: string): void {
    // Not at once: a subscriber must not run inside its publisher, nor make it fail.
    if (this.#emitter.listenerCount(subject) > 0) setImmediate(() => this.#emitter.emit(subject, message));
  }

  subscribe(subject: Subject, listener: Listener): BusSubscription {
    this.#emitter.on(subject, listener);
    return { ready: READY, close: () => this.#emitter.off(subject, listener) };
  }

  /** There is no connection to lose. */
  onReconnected(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.#emitter.removeAllListeners();
  }
}

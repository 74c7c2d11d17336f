/** What a process has besides its broker: configuration, keys, and where it stands in its life. */
import type { ServiceBroker } from "moleculer";
import type { Config } from "../lib/config.ts";
import type { KeyRing } from "../lib/keys.ts";
import type { DatabaseOptions } from "./collection/definition.ts";

/** Where a process stands between start and stop. What the probes tell, and what ends gracefully, hangs on it. */
export class Lifecycle {
  /** Told to stop: serves on, but is no longer ready. */
  draining = false;
  /** Was ready once: from then on only draining or a lost transporter makes it unready. */
  wasReady = false;
  /** The mesh can't be reached now. Always false in a process by itself. */
  disconnected = false;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #needs = new Map<string, () => boolean>();

  /** What the process needs before it is ready for the first time, besides the services that its own name. */
  need(name: string, met: () => boolean): void {
    this.#needs.set(name, met);
  }

  get unmetNeeds(): string[] {
    return [...this.#needs].filter(([, met]) => !met()).map(([name]) => name);
  }

  /** @param close ends a door that requests come in by, once those under way are answered */
  onDrain(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Closes all doors, while everything behind them still works. */
  async closeDoors(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }
}

export interface Runtime {
  config: Config;
  keys: KeyRing;
  database: DatabaseOptions;
  lifecycle: Lifecycle;
}

/** Not in `broker.metadata`: that is sent to every node of the mesh, and this holds secrets. */
const runtimes = new WeakMap<ServiceBroker, Runtime>();

export function provideRuntime(broker: ServiceBroker, runtime: Omit<Runtime, "lifecycle">): void {
  runtimes.set(broker, { ...runtime, lifecycle: new Lifecycle() });
}

export function runtimeOf(broker: ServiceBroker): Runtime {
  const runtime = runtimes.get(broker);
  if (!runtime) throw new Error("This broker was not made from moleculer.config.ts.");
  return runtime;
}

/** Work that mends what crashes left, run now and then by every replica. What it does must be idempotent. */
import type { Service, ServiceSchema } from "moleculer";
import { runtimeOf } from "./runtime.ts";

interface SweepOptions<S> {
  /** For the log. */
  name: string;
  /** Milliseconds between two runs; `SWEEP_INTERVAL_MS` by default. A quarter more or less, so that replicas drift apart. */
  every?: number;
  /**
   * What it throws is logged. `this` is the service, and so is the first argument, for arrow functions.
   * @param signal aborted when the service stops, which waits for the run to end
   */
  run(this: S, service: S, signal: AbortSignal): Promise<unknown>;
}

/** The first run comes this soon after the start, in milliseconds, or after one interval if that is less. */
const FIRST_WITHIN = 1_000;

interface Sweeping {
  stop: AbortController;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void>;
}

/** Whether the whole process is: all of its services have started then. */
const isStarted = ({ broker }: Service) => (broker as unknown as { started: boolean }).started;

/** A mixin; a service may have several. */
export function sweep<S = Service>({ name, every, run }: SweepOptions<S>): Partial<ServiceSchema> {
  // By service, since several brokers of a process may share the schema.
  const sweeping = new WeakMap<Service, Sweeping>();

  const schedule = (service: Service, state: Sweeping, interval: number, delay: number) => {
    state.timer = setTimeout(() => {
      state.running = once(service, state.stop.signal).then(() => {
        if (state.stop.signal.aborted) return;
        schedule(service, state, interval, interval * (0.75 + Math.random() / 2));
      });
    }, delay);
    state.timer.unref();
  };

  const once = async (service: Service, signal: AbortSignal) => {
    // This mixin's start is not the service's: that may still wait for its database.
    if (!isStarted(service)) return;
    try {
      await run.call(service as S, service as S, signal);
    } catch (error) {
      service.logger.error(`The sweep "${name}" failed, and is run again later.`, error);
    }
  };

  return {
    async started(this: Service) {
      const interval = every ?? runtimeOf(this.broker).config.SWEEP_INTERVAL_MS;
      const state: Sweeping = { stop: new AbortController(), timer: undefined, running: Promise.resolve() };
      sweeping.set(this, state);
      schedule(this, state, interval, Math.min(interval, FIRST_WITHIN) * Math.random());
    },
    async stopped(this: Service) {
      const state = sweeping.get(this);
      if (!state) return;
      state.stop.abort();
      clearTimeout(state.timer);
      await state.running;
    },
  };
}

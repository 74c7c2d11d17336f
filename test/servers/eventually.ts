// Waits for a condition instead of for a time.
import { setTimeout as wait } from "node:timers/promises";

export interface Patience {
  /** Milliseconds until the last failure is thrown; 30,000 by default. */
  within?: number;
  /** Milliseconds between two tries; 50 by default. */
  every?: number;
}

/** Calls `attempt` until it neither throws nor answers `false`, and returns its value. An attempt is not cut short. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { within = 30_000, every = 50 }: Patience = {},
): Promise<Exclude<T, false>> {
  const deadline = performance.now() + within;
  for (;;) {
    let failure: unknown;
    try {
      const value = await attempt();
      if (value !== false) return value as Exclude<T, false>;
      failure = new Error(`The condition did not hold within ${within} ms: ${attempt}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() + every > deadline) throw failure;
    await wait(every);
  }
}

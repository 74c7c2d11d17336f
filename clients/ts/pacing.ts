/** When to try again, and how fast to send: what keeps many clients, or an eager one, from flooding a gateway. */

export interface Backoff {
  /** Of the first pause, milliseconds. */
  baseMs: number;
  maxMs: number;
}

const DEFAULT_BACKOFF: Readonly<Backoff> = { baseMs: 500, maxMs: 30_000 };

/** Doubles with each attempt, from 0 on; drawn from the whole range below ("full jitter"), so that clients spread out. */
export function pauseBefore(attempt: number, backoff: Partial<Backoff> = {}): number {
  const { baseMs, maxMs } = { ...DEFAULT_BACKOFF, ...backoff };
  return Math.random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
}

/** A gateway ends connections that send more than 100 frames in a second. */
const PER_SECOND = 70;
const AT_ONCE = 20;
const EVERY_MS = 1_000 / PER_SECOND;

/** What is to happen on a connection, all of which can be called off. */
export class Schedule {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #nextAt = 0;

  after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }

  /** In the order of the calls, so many in a second, a few of them at once. */
  inTurn(work: () => void): void {
    const now = performance.now();
    this.#nextAt = Math.max(this.#nextAt, now - AT_ONCE * EVERY_MS) + EVERY_MS;
    this.after(Math.max(0, this.#nextAt - now), work);
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#nextAt = 0;
  }
}

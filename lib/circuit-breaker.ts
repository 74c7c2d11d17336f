/** Spares a service that fails, and those who would wait for it: after some failures in a row it is not asked for a while. */
import { unavailable } from "./errors.ts";

interface Options {
  /** In a row, before it opens. */
  failures: number;
  /** Milliseconds that it stays open. Then one call tries; if that fails, it stays open as long again. */
  openFor: number;
  /** Whether an error says that the service fails, and not that it was asked for something wrong. */
  isFailure(error: unknown): boolean;
  onChange?(open: boolean): void;
}

export class CircuitBreaker {
  readonly #options: Options;
  #failures = 0;
  #closesAt = 0;
  #trying = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws UNAVAILABLE at once while it is open; else what the work throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { failures, isFailure } = this.#options;
    const open = this.#failures >= failures;
    if (open && (this.#trying || Date.now() < this.#closesAt)) throw unavailable();
    this.#trying = open;
    try {
      const result = await work();
      this.#succeeded();
      return result;
    } catch (error) {
      if (isFailure(error)) this.#failed();
      else this.#succeeded();
      throw error;
    } finally {
      if (open) this.#trying = false;
    }
  }

  #succeeded(): void {
    const { failures, onChange } = this.#options;
    if (this.#failures >= failures) onChange?.(false);
    this.#failures = 0;
  }

  #failed(): void {
    const { failures, openFor, onChange } = this.#options;
    this.#failures += 1;
    if (this.#failures >= failures) this.#closesAt = Date.now() + openFor;
    if (this.#failures === failures) onChange?.(true);
  }
}

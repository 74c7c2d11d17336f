/** One record that Veche does not take, though it is well-formed, must not hold up the others of its batch. */
import type { Importer, Outcomes } from "./importer.ts";
import type { Entry } from "./parsing.ts";
import { CallFailed } from "./remote.ts";

/** Outcomes that count only when all of a batch is done: it may have to be taken once more, in parts. */
export class Pending implements Outcomes {
  readonly #outcomes: Outcomes;
  #told: (() => void)[] = [];

  constructor(outcomes: Outcomes) {
    this.#outcomes = outcomes;
  }

  settle(...told: Parameters<Outcomes["settle"]>): void {
    this.#told.push(() => this.#outcomes.settle(...told));
  }

  refuse(...told: Parameters<Outcomes["refuse"]>): void {
    this.#told.push(() => this.#outcomes.refuse(...told));
  }

  nicknameTaken(): void {
    this.#told.push(() => this.#outcomes.nicknameTaken());
  }

  retimed(): void {
    this.#told.push(() => this.#outcomes.retimed());
  }

  count(): void {
    const told = this.#told;
    this.#told = [];
    for (const tell of told) tell();
  }

  forget(): void {
    this.#told = [];
  }
}

/**
 * As `Importer.take`; where the whole is not accepted, in halves, down to the one record that is refused.
 * @throws CallFailed for anything else that failed
 */
export async function takeInHalves(
  importer: Pick<Importer, "take">,
  pending: Pending,
  entries: Entry[],
): Promise<void> {
  try {
    await importer.take(entries);
    pending.count();
  } catch (error) {
    pending.forget();
    if (!(error instanceof CallFailed) || error.code !== "INVALID_ARGUMENT") throw error;
    const [only] = entries;
    if (only && entries.length === 1) {
      pending.refuse(only, `is not accepted: ${error.message}`);
      return pending.count();
    }
    const half = Math.ceil(entries.length / 2);
    await takeInHalves(importer, pending, entries.slice(0, half));
    await takeInHalves(importer, pending, entries.slice(half));
  }
}

/**
 * Who waits for the decoder. One works at a time; then comes the turn of another owner, if any waits, and of each owner's the one
 * that waits longest. So however much one sends, all others wait for little more than one image of theirs.
 */
import { notFound, resourceExhausted } from "../../../lib/errors.ts";
import type { UserId } from "../../../lib/ids.ts";

/** How many may wait, of all owners. */
const MAX_WAITING = 32;
/** Milliseconds: with the time for one image and that for storing it, less than whoever asked waits (`KEEP_WITHIN_MS`). */
const WAIT_WITHIN_MS = 17_000;

export class Turns {
  /** By owner; the owners in the order of their turns. */
  readonly #waiting = new Map<UserId, (() => void)[]>();
  readonly #within: number;
  #count = 0;
  /** Of the work under way. */
  #owner: UserId | undefined;

  constructor(within = WAIT_WITHIN_MS) {
    this.#within = within;
  }

  get idle(): boolean {
    return this.#owner === undefined;
  }

  /**
   * @param gone ends the waiting, not the work
   * @throws RESOURCE_EXHAUSTED where too many wait, or one has waited for too long; NOT_FOUND where it is gone
   */
  async take<T>(owner: UserId, gone: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (gone.aborted) throw isGone();
    if (this.#owner === undefined) this.#owner = owner;
    else await this.#wait(owner, gone);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #wait(owner: UserId, gone: AbortSignal): Promise<void> {
    if (this.#count >= MAX_WAITING) throw tooMany();
    return new Promise((resolve, reject) => {
      const leave = (outcome: () => void) => {
        clearTimeout(timer);
        gone.removeEventListener("abort", onGone);
        this.#count -= 1;
        const others = (this.#waiting.get(owner) ?? []).filter((each) => each !== begin);
        // Behind the other owners from now on.
        this.#waiting.delete(owner);
        if (others.length > 0) this.#waiting.set(owner, others);
        outcome();
      };
      const begin = () => leave(resolve);
      const onGone = () => leave(() => reject(isGone()));
      const timer = setTimeout(() => leave(() => reject(tooMany())), this.#within);
      gone.addEventListener("abort", onGone);
      this.#count += 1;
      this.#waiting.set(owner, [...(this.#waiting.get(owner) ?? []), begin]);
    });
  }

  #next(): void {
    const owners = [...this.#waiting.keys()];
    this.#owner = owners.find((owner) => owner !== this.#owner) ?? owners[0];
    if (this.#owner !== undefined) this.#waiting.get(this.#owner)?.[0]?.();
  }
}

const tooMany = () => resourceExhausted("Too many photos are being uploaded.", 5);
const isGone = () => notFound("There is no such upload any more.");

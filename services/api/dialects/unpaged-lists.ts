/**
 * Bounds how many unpaged lists are made at once, since each is in memory as a whole. That of a user also counts until it is sent:
 * so who does not read holds up nobody else.
 */
import type { EventEmitter } from "node:events";
import { resourceExhausted } from "../../../lib/errors.ts";

const OF_A_USER = 2;
const OF_A_GATEWAY = 16;
const RETRY_AFTER_S = 1;

export class UnpagedLists {
  readonly #unsent = new Map<string, number>();
  #making = 0;

  /** @param res what the list goes out with. @throws RESOURCE_EXHAUSTED, and what `make` throws */
  async take<T>(
    user: string,
    res: EventEmitter & { readonly destroyed: boolean },
    make: () => Promise<T>,
  ): Promise<T> {
    const unsent = this.#unsent.get(user) ?? 0;
    if (unsent >= OF_A_USER) {
      throw resourceExhausted(`You have asked for ${OF_A_USER} such lists already.`, RETRY_AFTER_S);
    }
    if (this.#making >= OF_A_GATEWAY) {
      throw resourceExhausted("Too many such lists are being made. Try again shortly.", RETRY_AFTER_S);
    }
    // One that is closed will not say so again.
    if (!res.destroyed) {
      this.#unsent.set(user, unsent + 1);
      res.once("close", () => this.#sent(user));
    }
    this.#making += 1;
    try {
      return await make();
    } finally {
      this.#making -= 1;
    }
  }

  #sent(user: string): void {
    const left = (this.#unsent.get(user) ?? 1) - 1;
    if (left > 0) this.#unsent.set(user, left);
    else this.#unsent.delete(user);
  }
}

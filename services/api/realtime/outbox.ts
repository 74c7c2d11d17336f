/** What one connection sends: within a conversation, or another queue, one after the other, in the order it came. */
import { resourceExhausted } from "../../../lib/errors.ts";

/** A place in a queue. */
export interface Place {
  /** One more is sent from it. @throws RESOURCE_EXHAUSTED */
  share(): void;
}

export class Outbox {
  readonly #limit: number;
  readonly #last = new Map<string, Promise<void>>();
  #pending = 0;

  /** @param limit of sends that are not done yet */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param queue usually a conversation's id
   * @param send must not reject
   * @throws RESOURCE_EXHAUSTED
   */
  add(queue: string, send: () => Promise<void>): Place {
    let places = 0;
    const share = () => {
      if (this.#pending >= this.#limit)
        throw resourceExhausted("Wait for acknowledgements before sending more.", 1);
      this.#pending += 1;
      places += 1;
    };
    share();
    const sent = (this.#last.get(queue) ?? Promise.resolve()).then(send).then(() => {
      this.#pending -= places;
      if (this.#last.get(queue) === sent) this.#last.delete(queue);
    });
    this.#last.set(queue, sent);
    return { share };
  }

  /** Until nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}

/** The messages that one connection sends: within a conversation one after the other, in the order they came. */
import { resourceExhausted } from "../../../lib/errors.ts";
import type { ConversationId } from "../../../lib/ids.ts";

export class Outbox {
  readonly #limit: number;
  readonly #last = new Map<ConversationId, Promise<void>>();
  #pending = 0;

  /** @param limit of sends that are not done yet */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param send must not reject
   * @throws RESOURCE_EXHAUSTED
   */
  add(conversation: ConversationId, send: () => Promise<void>): void {
    if (this.#pending >= this.#limit)
      throw resourceExhausted("Wait for acknowledgements before sending more.", 1);
    this.#pending += 1;
    const sent = (this.#last.get(conversation) ?? Promise.resolve()).then(send).then(() => {
      this.#pending -= 1;
      if (this.#last.get(conversation) === sent) this.#last.delete(conversation);
    });
    this.#last.set(conversation, sent);
  }

  /** Until nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}

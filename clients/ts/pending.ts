/** Messages that are not acknowledged: on one connection, or over several. */
import { type Ack, type Frame, FrameError, keptId } from "./frames.ts";

export interface Sending {
  readonly conversation: string;
  readonly text: string;
  readonly nonce: string;
  /** Whether it was handed to a connection that stands. */
  underWay: boolean;
  readonly acknowledged: Promise<Ack>;
  resolve(ack: Ack): void;
  reject(error: Error): void;
}

/** By conversation and nonce, which make it one message. */
export class Sends {
  readonly #sends = new Map<string, Sending>();

  /**
   * @param begin not called for a message that is already under way: that one's fate is shared
   * @returns rejects as a gateway would if the earlier one says something else
   */
  add(conversation: string, text: string, nonce: string, begin: (sending: Sending) => void): Promise<Ack> {
    const key = keyOf(conversation, nonce);
    const earlier = this.#sends.get(key);
    if (earlier?.text === text) return earlier.acknowledged;
    if (earlier) return Promise.reject(new FrameError(OTHER_TEXT));
    const { promise: acknowledged, resolve, reject } = Promise.withResolvers<Ack>();
    const sending = { conversation, text, nonce, underWay: false, acknowledged, resolve, reject };
    this.#sends.set(key, sending);
    begin(sending);
    return acknowledged;
  }

  has(sending: Sending): boolean {
    return this.#sends.get(keyOf(sending.conversation, sending.nonce)) === sending;
  }

  /** In the order they were added. */
  all(): Sending[] {
    return [...this.#sends.values()];
  }

  remove({ conversation, nonce }: Sending): void {
    this.#sends.delete(keyOf(conversation, nonce));
  }

  /** The one that a frame answers, which is waited for no more. */
  take({ conversation, nonce }: Frame): Sending | undefined {
    if (nonce === undefined) return undefined;
    const sending =
      conversation === undefined
        ? // Of a gateway that does not say it in an `ack` yet.
          this.all().find((each) => each.nonce === nonce)
        : this.#sends.get(keyOf(String(conversation), String(nonce)));
    if (sending) this.remove(sending);
    return sending;
  }
}

const OTHER_TEXT = { code: "ALREADY_EXISTS", message: "Another message is under way under this nonce." };
const keyOf = (conversation: string, nonce: string): string => `${keptId(conversation)} ${nonce}`;

const PASSING = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]);

/** Whether the same may be served later: the connection was lost, or the gateway could not serve it now. */
export const mayPass = (error: unknown): boolean => !(error instanceof FrameError) || PASSING.has(error.code);

/** The events of one kind on their way to one service: a few at a time, in order but for those that are tried again. */
import type { Document, OpenCollection } from "../collection/collection.ts";
import { attemptHandler, type Channel, type Patience, type Witness } from "./patience.ts";

/** An event, or one group's copy of it. */
export interface Delivery extends Document {
  channel: string;
  /** Absent while it is not known who gets it. */
  group?: string;
  /** JSON, since a document can't hold every field name. */
  payload: string;
  headers: string;
  /** Those that failed. */
  attempts: number;
  published_at: number;
  /** Of a dead letter. */
  died_at?: number;
}

export interface Letters {
  pending: OpenCollection<Delivery>;
  dead: OpenCollection<Delivery>;
}

export class Lane {
  readonly channel: Channel;
  readonly #letters: Letters;
  readonly #patience: Patience;
  readonly #witness: Witness;
  readonly #waiting: Delivery[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** All that wait, run, or wait for another attempt. */
  readonly #known = new Set<string>();
  #stopped = false;

  constructor(channel: Channel, letters: Letters, patience: Patience, witness: Witness) {
    this.channel = channel;
    this.#letters = letters;
    this.#patience = patience;
    this.#witness = witness;
  }

  /** Once for each delivery, however often it is pushed. */
  push(delivery: Delivery): void {
    if (this.#known.has(delivery._id)) return;
    this.#known.add(delivery._id);
    this.#enqueue(delivery);
  }

  /** Waits for the handlers that run. What they don't get any more stays for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #enqueue(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#advance();
  }

  #advance(): void {
    while (!this.#stopped && this.#running.size < this.#patience.maxInFlight) {
      const delivery = this.#waiting.shift();
      if (!delivery) return;
      const running = this.#deliver(delivery)
        .catch((error: unknown) => {
          // The disk, most likely. The event is still kept, and comes again with the next start.
          this.#witness.logger.error(
            `${this.channel.name} for ${this.channel.group} could not be struck off`,
            error,
          );
        })
        .finally(() => {
          this.#running.delete(running);
          this.#advance();
        });
      this.#running.add(running);
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { pending, dead } = this.#letters;
    const { _id } = delivery;
    const attempts = delivery.attempts + 1;
    const run = async () =>
      this.channel.handler(JSON.parse(delivery.payload), { headers: JSON.parse(delivery.headers) });
    const outcome = await attemptHandler(run, this.channel, attempts, this.#patience, this.#witness);
    if (!outcome.done && !outcome.dead) {
      this.#later({ ...delivery, attempts }, outcome.delay);
      await pending.updateOne({ _id }, { $set: { attempts } });
      return;
    }
    if (!outcome.done && !(await dead.findById(_id))) {
      await dead.insert({ ...delivery, attempts, died_at: Date.now() });
    }
    await pending.deleteOne({ _id });
    this.#known.delete(_id);
  }

  #later(delivery: Delivery, delay: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#enqueue(delivery);
    }, delay);
    timer.unref();
    this.#timers.add(timer);
  }
}

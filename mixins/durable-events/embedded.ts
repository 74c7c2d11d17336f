/**
 * Durable events of a process by itself: an adapter of @moleculer/channels that keeps them in a collection until they are
 * handled, and goes on with what is left when it starts.
 */
import { randomInt } from "node:crypto";
import channels from "@moleculer/channels";
import type { Config } from "../../lib/config.ts";
import { unavailable } from "../../lib/errors.ts";
import { defineCollection, openCollection } from "../collection/collection.ts";
import { runtimeOf } from "../runtime.ts";
import { type Delivery, Lane, type Letters } from "./lane.ts";
import type { Channel, Patience } from "./patience.ts";

/** What is to be delivered, in the order of publishing. */
export const durableEvents = defineCollection<Delivery>({ name: "durable_events" });
/** The dead letters. */
export const deadEvents = defineCollection<Delivery>({ name: "dead_events" });

const PORTION = 1000;
/** Milliseconds between two looks for events that nobody here consumes, at most. */
const EXPIRE_EVERY = 3_600_000;

export class EmbeddedAdapter extends channels.Adapters.Base {
  readonly #patience: Patience;
  #letters: Promise<Letters> | undefined;
  readonly #lanes = new Map<string, Lane>();
  #begun = false;
  #expiring: NodeJS.Timeout | undefined;
  #stopping = false;
  #counter = randomInt(1e6);

  constructor(config: Config, patience: Patience) {
    super({ prefix: config.NAMESPACE, maxInFlight: patience.maxInFlight });
    this.#patience = patience;
  }

  override async connect(): Promise<void> {
    await this.#open();
    this.connected = true;
  }

  /** Called when all services have subscribed: only now is it known who gets an event. */
  async begin(): Promise<void> {
    this.#begun = true;
    await this.#resume();
    const every = Math.min(EXPIRE_EVERY, this.#patience.keptFor);
    this.#expiring = setInterval(() => {
      this.#expire().catch((error: unknown) => this.logger.warn("Old events could not be dropped.", error));
    }, every);
    this.#expiring.unref();
  }

  override async disconnect(): Promise<void> {
    this.#stopping = true;
    this.connected = false;
    clearInterval(this.#expiring);
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
    const letters = await this.#letters?.catch(() => undefined);
    await letters?.pending.close();
    await letters?.dead.close();
  }

  override async subscribe(channel: Channel): Promise<void> {
    const lane = new Lane(channel, await this.#open(), this.#patience, this);
    this.#lanes.set(laneKey(channel.name, channel.group), lane);
    // A service that came when the others run already.
    if (this.#begun) await this.#resume();
  }

  override async unsubscribe(channel: Channel): Promise<void> {
    if (channel.unsubscribing) return;
    channel.unsubscribing = true;
    // It stays among the lanes: what is published while services stop one by one is kept for this one, too.
    await this.#lanes.get(laneKey(channel.name, channel.group))?.stop();
  }

  /** Also before `begin`: a service may publish while it starts. */
  override async publish(channel: string, payload: unknown, options: PublishOptions = {}): Promise<void> {
    if (this.#stopping) throw unavailable();
    const { pending } = await this.#open();
    const event: Delivery = {
      _id: this.#nextId(),
      channel,
      payload: JSON.stringify(payload),
      headers: JSON.stringify(options.headers ?? {}),
      attempts: 0,
      published_at: Date.now(),
    };
    const deliveries = this.#begun ? this.#addressed(event) : [];
    const kept = deliveries.length > 0 ? deliveries : [event];
    await pending.insertMany(kept);
    // It may have begun while an event without address was written.
    if (this.#begun) for (const one of kept) await this.#take(one);
  }

  /** Everything that is kept, and is not on its way, goes on its way. */
  async #resume(): Promise<void> {
    const { pending } = await this.#open();
    let after: string | undefined;
    for (;;) {
      const portion = await pending.page({ prefix: "", limit: PORTION, after });
      for (const delivery of portion) await this.#take(delivery);
      after = portion.at(-1)?._id;
      if (after === undefined) return this.#expire();
    }
  }

  /** Drops what has waited for too long for a consumer that does not run here. What is tried again is not too old. */
  async #expire(): Promise<void> {
    if (this.#stopping) return;
    const { pending } = await this.#open();
    const tooOld = Date.now() - this.#patience.keptFor;
    let after: string | undefined;
    for (;;) {
      const portion = await pending.page({ prefix: "", limit: PORTION, after });
      for (const delivery of portion) {
        // They are in the order of publishing.
        if (delivery.published_at >= tooOld || this.#stopping) return;
        if (!this.#isConsumed(delivery)) await pending.deleteOne({ _id: delivery._id });
      }
      after = portion.at(-1)?._id;
      if (after === undefined) return;
    }
  }

  #isConsumed(delivery: Delivery): boolean {
    if (delivery.group === undefined) return this.#addressed(delivery).length > 0;
    return this.#lanes.has(laneKey(delivery.channel, delivery.group));
  }

  /** To whoever consumes it here. */
  async #take(delivery: Delivery): Promise<void> {
    if (delivery.group !== undefined) {
      this.#lanes.get(laneKey(delivery.channel, delivery.group))?.push(delivery);
      return;
    }
    const deliveries = this.#addressed(delivery);
    if (deliveries.length === 0) return;
    const { pending } = await this.#open();
    // One by one: a crash may have come between these and the deletion.
    for (const one of deliveries) {
      if (!(await pending.findById(one._id))) await pending.insertMany([one]);
    }
    const deleted = await pending.deleteOne({ _id: delivery._id });
    // False where the event was addressed a moment ago, by `begin` and by `publish`.
    if (deleted) for (const one of deliveries) await this.#take(one);
  }

  #addressed(event: Delivery): Delivery[] {
    const groups = [...this.#lanes.values()].filter(({ channel }) => channel.name === event.channel);
    return groups.map(({ channel: { group } }) => ({ ...event, _id: `${event._id}.${group}`, group }));
  }

  #open(): Promise<Letters> {
    if (this.#stopping) return Promise.reject(unavailable());
    const { database } = runtimeOf(this.broker);
    this.#letters ??= (async () => ({
      pending: await openCollection(durableEvents, database, this.logger),
      dead: await openCollection(deadEvents, database, this.logger),
    }))();
    return this.#letters;
  }

  /** Sorts by time. The counter tells those of a millisecond apart, and its start those of two processes. */
  #nextId(): string {
    this.#counter += 1;
    return `${String(Date.now()).padStart(15, "0")}.${String(this.#counter).padStart(12, "0")}`;
  }
}

interface PublishOptions {
  headers?: Record<string, string>;
}

const laneKey = (channel: string, group: string) => `${channel} ${group}`;

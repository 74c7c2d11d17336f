/**
 * Durable events on NATS JetStream: the adapter of @moleculer/channels, where it would lose an event or give up. The
 * stock one tries again without a pause, acknowledges what it could not put to the dead letters, takes what is published
 * while it stops without sending it, and needs NATS and every stream to be there when it starts.
 */
import { setTimeout as wait } from "node:timers/promises";
import channels from "@moleculer/channels";
import { type JsMsg, type NatsConnection, NatsError, nanos, type StreamInfo } from "nats";
import type { Config } from "../../lib/config.ts";
import { unavailable } from "../../lib/errors.ts";
import { natsOptions } from "../../lib/nats-options.ts";
import { attemptHandler, type Channel, delayAfter, type Patience } from "./patience.ts";
import { isGone, Streams, streamOf } from "./streams.ts";

export const DEAD_LETTERS = "DEAD_EVENTS";

const RETRY_AFTER = 1_000;
const PUBLISH_WITHIN = 2_000;
const DRAIN_WITHIN = 2_000;

export class JetStreamAdapter extends channels.Adapters.NATS {
  readonly #patience: Patience;
  readonly #streams: Streams;
  readonly #stop = new AbortController();
  /** Aborted when the connection is lost; a new one for each connection. */
  #link = new AbortController();
  readonly #running = new Map<Channel, Set<Promise<void>>>();

  constructor(config: Config, patience: Patience) {
    super({
      prefix: config.NAMESPACE,
      maxInFlight: patience.maxInFlight,
      nats: {
        connectionOptions: {
          ...natsOptions(config, `${config.NAMESPACE} durable events`),
          // The waiting is ours, since a stop must be able to end it.
          waitOnFirstConnect: false,
        },
        consumerOptions: { config: { deliver_policy: "all", ack_wait: nanos(patience.ackWait) } },
      },
    });
    this.#patience = patience;
    this.#streams = new Streams({
      manager: () => this.manager,
      logger: () => this.logger,
      persist: (what, attempt) => this.#persist(what, attempt),
      replicas: config.STREAM_REPLICAS,
      dead: this.addPrefixTopic(DEAD_LETTERS),
    });
  }

  /** Waits for NATS, and for its JetStream, as long as it takes. */
  override async connect(): Promise<void> {
    await this.#persist("reach JetStream", async () => {
      try {
        await super.connect();
      } catch (error) {
        await this.connection?.close();
        throw error;
      }
    });
    if (!this.connected) return;
    this.#link = new AbortController();
    void this.#watch(this.connection);
    void this.connection.closed().then(() => this.#renew());
    // Those of events are looked at by who subscribes.
    void this.#streams.bringUp(this.addPrefixTopic(DEAD_LETTERS));
  }

  /** All is set up by then. */
  async begin(): Promise<void> {}

  override async disconnect(): Promise<void> {
    // The console stops the broker, and so does the end of its process.
    if (this.stopping) return;
    this.stopping = true;
    this.#stop.abort();
    if (!this.connection) return;
    if (this.connected)
      await Promise.race([this.connection.drain(), wait(DRAIN_WITHIN, undefined, { ref: false })]);
    this.connected = false;
    await this.connection.close();
  }

  override async subscribe(channel: Channel): Promise<void> {
    // The same for all replicas. The stock one has the node's name in it: of two that start at once, the second would
    // take the consumer away from the first, or be refused.
    channel.id = this.addPrefixTopic(`deliver.${channel.group}.${channel.name}`);
    if (!this.#running.has(channel)) this.#running.set(channel, new Set());
    await this.#persist(`subscribe to ${channel.name}`, async () => {
      if (channel.unsubscribing) return;
      // What an earlier attempt, or an earlier connection, left.
      this.subscriptions.get(channel.id)?.unsubscribe();
      this.activeMessages.delete(channel.id);
      await super.subscribe(channel as StockChannel);
      // One that exists, the stock `subscribe` takes as it is.
      await this.manager.consumers.update(streamOf(channel.name), streamOf(channel.group), {
        ack_wait: nanos(this.#patience.ackWait),
        max_ack_pending: this.#patience.maxInFlight,
      });
    });
  }

  /** Called by the stock `subscribe`. Unlike the stock one it rejects when there is no such stream in the end. */
  override createStream(_name: string, subjects: string[]): Promise<StreamInfo> {
    return this.#streams.ensure(subjects[0] ?? "");
  }

  override createConsumerHandler(channel: Channel) {
    return async (error: NatsError | null, message: JsMsg | null): Promise<void> => {
      if (error) this.logger.error(`${channel.name} for ${channel.group}`, error);
      if (error || !message) return;
      const running = this.#running.get(channel);
      const handled = this.#handle(channel, message).catch((failure: unknown) => {
        // It is delivered again after `ackWait`.
        this.logger.warn(`${channel.name} for ${channel.group} could not be answered`, failure);
      });
      running?.add(handled);
      await handled;
      running?.delete(handled);
    };
  }

  async #handle(channel: Channel, message: JsMsg): Promise<void> {
    const beat = setInterval(() => message.working(), this.#patience.ackWait / 3);
    beat.unref();
    try {
      const run = async () =>
        channel.handler(this.serializer.deserialize(Buffer.from(message.data)), message);
      const attempt = message.info.deliveryCount;
      const outcome = await attemptHandler(run, channel, attempt, this.#patience, this);
      if (outcome.done) message.ack();
      else if (!outcome.dead) message.nak(outcome.delay);
      else await this.#bury(channel, message);
    } finally {
      clearInterval(beat);
    }
  }

  async #bury(channel: Channel, message: JsMsg): Promise<void> {
    const { stream, streamSequence, deliveryCount } = message.info;
    try {
      await this.publish(this.addPrefixTopic(DEAD_LETTERS), message.data, {
        raw: true,
        // A second one of the same event and group, after a crash before the ack, is dropped by the server.
        msgID: `${stream}.${streamSequence}.${channel.group}`,
        headers: { "x-original-channel": channel.name, "x-original-group": channel.group },
      });
      message.ack();
    } catch (error) {
      this.logger.error(`the dead letter of ${channel.name} could not be kept`, error);
      message.nak(delayAfter(deliveryCount, this.#patience));
    }
  }

  /** What the server has handed out already is still handled. */
  override async unsubscribe(channel: Channel): Promise<void> {
    if (channel.unsubscribing) return;
    channel.unsubscribing = true;
    const subscription = this.subscriptions.get(channel.id);
    if (subscription && !subscription.isClosed()) {
      if (this.connected)
        await Promise.race([subscription.drain(), wait(DRAIN_WITHIN, undefined, { ref: false })]);
      else subscription.unsubscribe();
    }
    await Promise.all(this.#running.get(channel) ?? []);
    this.#running.delete(channel);
  }

  /** Rejects at once while NATS is away, and after two seconds where it does not answer. */
  override async publish(
    subject: string,
    payload: unknown,
    options: PublishOptions | null = {},
  ): Promise<void> {
    if (this.stopping || !this.connected) throw unavailable();
    const tooLate = AbortSignal.any([this.#link.signal, AbortSignal.timeout(PUBLISH_WITHIN)]);
    const kept = this.#publish(subject, payload, options ?? {});
    let lost = () => {};
    const cut = new Promise<never>((_resolve, reject) => {
      lost = () => reject(unavailable());
      tooLate.addEventListener("abort", lost);
    });
    try {
      await Promise.race([kept, cut]);
    } catch (error) {
      throw error instanceof NatsError ? unavailable() : error;
    } finally {
      tooLate.removeEventListener("abort", lost);
    }
  }

  async #publish(subject: string, payload: unknown, options: PublishOptions): Promise<void> {
    // A copy each time: the stock one puts its own kind of headers into what it gets.
    const send = async () => {
      await this.#streams.ensure(subject);
      await super.publish(subject, payload, { timeout: PUBLISH_WITHIN, ...options } as StockOptions);
    };
    try {
      await send();
    } catch (error) {
      if (!isGone(error)) throw error;
      // The stream was there before: somebody removed it, or NATS lost its disk.
      this.#streams.forget(subject);
      await send();
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") {
        this.connected = false;
        this.#link.abort();
        if (!this.stopping) this.logger.warn("NATS is away: durable events wait.");
      }
      if (type === "reconnect") {
        this.connected = true;
        this.#link = new AbortController();
        this.logger.info("NATS is back.");
        void this.#restore();
      }
    }
  }

  /** The client gave the connection up. It should not, but nobody would notice a process without events. */
  async #renew(): Promise<void> {
    if (this.stopping) return;
    this.connected = false;
    this.#link.abort();
    this.#streams.forgetAll();
    await this.connect();
    for (const channel of [...this.#running.keys()]) await this.subscribe(channel);
  }

  /** NATS may have come back without its disk: then streams and consumers are made again. */
  async #restore(): Promise<void> {
    this.#streams.forgetAll();
    for (const channel of [...this.#running.keys()]) {
      await this.#persist(`find the consumer of ${channel.name}`, async () => {
        try {
          await this.manager.consumers.info(streamOf(channel.name), streamOf(channel.group));
        } catch (error) {
          if (!isGone(error)) throw error;
          await this.subscribe(channel);
        }
      });
    }
  }

  /** Tries until it is done, or this adapter stops. */
  async #persist(what: string, attempt: () => Promise<void>): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (failures % 30 === 0) this.logger.warn(`Could not ${what}, trying on.`, String(error));
        await wait(RETRY_AFTER, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }
}

type Stock = InstanceType<typeof channels.Adapters.NATS>;
type StockOptions = NonNullable<Parameters<Stock["publish"]>[2]>;
type PublishOptions = Omit<StockOptions, "headers"> & { headers?: unknown; raw?: boolean };
type StockChannel = Parameters<Stock["subscribe"]>[0];

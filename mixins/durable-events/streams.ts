/** The streams of JetStream that durable events are kept in: one for each event, made when it is first needed. */
import { type JetStreamManager, NatsError, nanos, type StreamInfo } from "nats";
import type { Logger } from "../collection/collection.ts";

const DAY = 86_400_000;
/** How long a consumer may be away and still get all; in milliseconds. */
const KEPT_FOR = 14 * DAY;
const DEAD_KEPT_FOR = 90 * DAY;

interface StreamsOptions {
  /** Of the connection as it is now. */
  manager(): JetStreamManager;
  logger(): Pick<Logger, "info">;
  /** Tries until it is done, or there is no more need. */
  persist(what: string, attempt: () => Promise<void>): Promise<void>;
  /** Copies of each stream; as they are, and one of new streams, where undefined. */
  replicas: number | undefined;
  /** The subject of the dead letters. */
  dead: string;
}

export class Streams {
  readonly #options: StreamsOptions;
  /** By subject: streams that are known to exist. */
  readonly #known = new Map<string, Promise<StreamInfo>>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** @throws where there is no such stream in the end */
  ensure(subject: string): Promise<StreamInfo> {
    const known = this.#known.get(subject);
    if (known) return known;
    const { manager, logger, replicas, dead } = this.#options;
    const name = streamOf(subject);
    // The limits of one that exists are the operator's.
    const found = manager()
      .streams.info(name)
      .catch((error: unknown) => {
        if (!isGone(error)) throw error;
        logger().info(`Creating the stream ${name}.`);
        const max_age = nanos(subject === dead ? DEAD_KEPT_FOR : KEPT_FOR);
        const copies = replicas === undefined ? {} : { num_replicas: replicas };
        return manager().streams.add({ name, subjects: [subject], max_age, ...copies });
      });
    this.#known.set(subject, found);
    found.then(
      () => this.bringUp(subject),
      () => this.#known.delete(subject),
    );
    return found;
  }

  /** Somebody removed it, or NATS lost its disk. */
  forget(subject: string): void {
    this.#known.delete(subject);
  }

  forgetAll(): void {
    this.#known.clear();
  }

  /** Gives one that exists its copies. Nobody waits for it: what a stream keeps is there all the while. */
  async bringUp(subject: string): Promise<void> {
    const { manager, logger, persist, replicas } = this.#options;
    const name = streamOf(subject);
    if (replicas === undefined) return;
    await persist(`bring the stream ${name} to ${replicas} replicas`, async () => {
      const found = await manager()
        .streams.info(name)
        .catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
      if (!found || found.config.num_replicas === replicas) return;
      await manager().streams.update(name, { num_replicas: replicas });
      logger().info(`The stream ${name} has ${replicas} replicas instead of ${found.config.num_replicas}.`);
    });
  }
}

/** A stream's name has no dots; nor has a durable consumer's. */
export const streamOf = (subject: string): string => subject.replaceAll(".", "_");

/** No such stream or consumer; or nobody listens on the subject, which for a publisher means the same. */
export const isGone = (error: unknown): boolean =>
  error instanceof NatsError &&
  (error.code === "503" || error.api_error?.err_code === 10014 || error.api_error?.err_code === 10059);

/** How often, and how patiently, an event is given to a handler that fails. */
import type { Adapters } from "@moleculer/channels";

export interface Patience {
  /** How often a handler is tried before its event goes to the dead letters. */
  attempts: number;
  /** Milliseconds before the second attempt; doubled before each further one. */
  firstDelay: number;
  /** Milliseconds that no delay exceeds. */
  maxDelay: number;
  /** Milliseconds after which an attempt counts as failed. What it began may still go on. */
  handlerTimeout: number;
  /** Milliseconds after which an event whose process died is given to another one. */
  ackWait: number;
  /** Events of one kind that one service handles at the same time, all its replicas together. */
  maxInFlight: number;
  /** Milliseconds that an event waits for a consumer that does not run. */
  keptFor: number;
}

/** Almost an hour in all: a database that is away for a while must not fill the dead letters. */
export const PATIENCE: Patience = {
  attempts: 20,
  firstDelay: 500,
  maxDelay: 300_000,
  handlerTimeout: 600_000,
  ackWait: 30_000,
  maxInFlight: 32,
  keptFor: 14 * 86_400_000,
};

/** An event that no further attempt can help. It goes to the dead letters at once. */
export class UnusableEvent extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "UnusableEvent";
  }
}

/** What the channels middleware makes of one entry of a service's `channels`. Its name has the namespace in front. */
export type Channel = Parameters<InstanceType<typeof Adapters.Base>["unsubscribe"]>[0];

/** The part of an adapter that a failure is told to. */
export type Witness = Pick<InstanceType<typeof Adapters.Base>, "logger" | "metricsIncrement">;

export type Outcome =
  | { done: true }
  | { done: false; dead: true }
  | { done: false; dead: false; delay: number };

/**
 * One attempt of a handler. A failure is counted, and logged with the names of event and consumer, never with the payload.
 * @param attempt 1 for the first
 */
export async function attemptHandler(
  run: () => Promise<unknown>,
  channel: Channel,
  attempt: number,
  patience: Patience,
  witness: Witness,
): Promise<Outcome> {
  try {
    await within(patience.handlerTimeout, run());
    return { done: true };
  } catch (error) {
    const { logger } = witness;
    witness.metricsIncrement("moleculer.channels.messages.errors.total", channel);
    const what = `${channel.group} could not handle ${channel.name}`;
    if (error instanceof UnusableEvent || attempt >= patience.attempts) {
      logger.error(`${what}: it goes to the dead letters after ${attempt} attempt(s)`, error);
      witness.metricsIncrement("moleculer.channels.messages.deadLettering.total", channel);
      return { done: false, dead: true };
    }
    witness.metricsIncrement("moleculer.channels.messages.retries.total", channel);
    const delay = delayAfter(attempt, patience);
    logger.warn(`${what}: attempt ${attempt} of ${patience.attempts}, the next in ${delay} ms`, error);
    return { done: false, dead: false, delay };
  }
}

/** Between half and all of the doubled delay, so that what failed together does not come back together. */
export function delayAfter(attempt: number, { firstDelay, maxDelay }: Patience): number {
  const longest = Math.min(maxDelay, firstDelay * 2 ** (attempt - 1));
  return Math.ceil(longest * (0.5 + Math.random() / 2));
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the handler did not finish within ${milliseconds} ms`)),
      milliseconds,
    );
    timer.unref();
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

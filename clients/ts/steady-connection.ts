/**
 * A live connection that comes back: when it is lost it connects again, after a pause that grows, resumes each subscription behind
 * the last entry shown, and sends again, with its nonce, what was not acknowledged. So nothing is shown or sent twice.
 */
import { type Following, shownWhile } from "./following.ts";
import { type Ack, type Callbacks, type Closed, checkNames, keptId } from "./frames.ts";
import { LiveConnection } from "./live-connection.ts";
import { pauseBefore, Schedule } from "./pacing.ts";
import { mayPass, type Sending, Sends } from "./pending.ts";
import type { SteadyOptions } from "./steady-options.ts";
import { renewalDelay } from "./token.ts";

/** A connection that stood that long counts as a good one: the next pause is a short one again. */
const STABLE_MS = 5_000;
const AGAIN_MS = 1_000;
const FRAME_TOO_LARGE = 1009;

export class SteadyConnection {
  readonly #options: SteadyOptions;
  readonly #following = new Map<string, Following>();
  readonly #sends = new Sends();
  /** Ends the attempt that is under way. */
  readonly #closing = new AbortController();
  readonly #schedule = new Schedule();
  #connection: LiveConnection | undefined;
  #attempt = 0;
  #refusals = 0;
  #closed = false;

  /** Connects at once. Subscriptions and sends may be asked for before it stands. */
  constructor(options: SteadyOptions) {
    this.#options = options;
    void this.#connect();
  }

  /**
   * Takes the place of an earlier one of the same conversation, which is shown nothing more.
   * @param show the callback for messages, or all of them; called once for each entry, in order, over all reconnects
   * @param after the last seq that is known; without it only what is new comes
   * @param onRefused called when it can't go on: not a member, no such conversation
   */
  subscribe(
    conversation: string,
    show: Callbacks["onMessage"] | Callbacks,
    { after, onRefused = () => {} }: { after?: number; onRefused?(error: Error): void } = {},
  ): void {
    const id = keptId(conversation);
    const given = typeof show === "function" ? { onMessage: show } : show;
    const fate = {
      isWanted: () => this.#following.get(id) === following,
      onShown: (seq: number) => {
        following.seq = seq;
      },
      onEnded: () => this.#following.delete(id),
    };
    const following: Following = { conversation: id, seq: after, show: shownWhile(fate, given), onRefused };
    this.#following.set(id, following);
    if (this.#connection) this.#follow(this.#connection, following);
  }

  unsubscribe(conversation: string): void {
    this.#following.delete(keptId(conversation));
    const connection = this.#connection;
    if (connection) this.#paced(connection, () => connection.unsubscribe(conversation));
  }

  /** Settles when it is acknowledged or refused, however many connections that takes. */
  async send(conversation: string, text: string, nonce: string = crypto.randomUUID()): Promise<Ack> {
    if (this.#closed) throw new Error("the connection was closed");
    checkNames(conversation, nonce);
    return this.#sends.add(conversation, text, nonce, (sending) => {
      if (this.#connection) this.#transmit(this.#connection, sending);
    });
  }

  /** For good. What was not acknowledged rejects. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#end(new Error("the connection was closed"));
    await connection?.close();
  }

  async #connect(): Promise<void> {
    this.#options.onState?.("connecting");
    try {
      const token = await this.#options.token();
      if (this.#closed) return;
      const { url, readyMs, closeMs } = this.#options;
      const options = { readyMs, closeMs, signal: this.#closing.signal };
      const connection = await LiveConnection.open(typeof url === "string" ? url : url(), token, options);
      if (this.#closed) return void connection.close();
      this.#begin(connection, token);
    } catch (error) {
      if ((error as { code?: unknown }).code === "UNAUTHENTICATED") this.#refusals += 1;
      // A token may end on its way, once. Where the second is refused too, or none is given, it is time to sign in again.
      if (this.#refusals > 1) this.#end(error as Error);
      else this.#connectLater();
    }
  }

  #begin(connection: LiveConnection, token: string): void {
    const openedAt = performance.now();
    this.#connection = connection;
    this.#refusals = 0;
    void connection.closed.then((closed) => this.#lost(connection, closed, performance.now() - openedAt));
    this.#renewInTime(connection, token);
    for (const following of this.#following.values()) this.#follow(connection, following);
    for (const sending of this.#sends.all()) this.#transmit(connection, sending);
    this.#options.onState?.("open");
  }

  #lost(connection: LiveConnection, { code }: Closed, stoodMs: number): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#schedule.clear();
    // Sent again, it would end the next connection too. The others may have been kept: their nonces tell.
    if (code === FRAME_TOO_LARGE) this.#failLongest(new Error("too long"));
    for (const sending of this.#sends.all()) sending.underWay = false;
    if (stoodMs >= STABLE_MS) this.#attempt = 0;
    this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed) return;
    this.#options.onState?.("waiting");
    this.#schedule.after(pauseBefore(this.#attempt, this.#options.backoff), () => void this.#connect());
    this.#attempt += 1;
  }

  #follow(connection: LiveConnection, following: Following): void {
    const { conversation, show } = following;
    const isWanted = () => this.#following.get(conversation) === following;
    const onFailed = (error: unknown) => {
      if (!isWanted() || this.#again(connection, error, () => this.#follow(connection, following))) return;
      this.#following.delete(conversation);
      following.onRefused(error as Error);
    };
    this.#paced(connection, () => {
      if (!isWanted()) return;
      connection.subscribe(conversation, { ...show, onFailed }, following.seq).then((tail) => {
        following.seq ??= tail;
      }, onFailed);
    });
  }

  #transmit(connection: LiveConnection, sending: Sending): void {
    this.#paced(connection, () => {
      if (!this.#sends.has(sending)) return;
      sending.underWay = true;
      connection.send(sending.conversation, sending.text, sending.nonce).then(
        (ack) => {
          this.#sends.remove(sending);
          sending.resolve(ack);
        },
        (error: unknown) => {
          if (!this.#again(connection, error, () => this.#transmit(connection, sending)))
            this.#fail(sending, error);
        },
      );
    });
  }

  /** @returns whether it is to be tried again: on this connection in a while, or, where that is lost, on the next one */
  #again(connection: LiveConnection, error: unknown, work: () => void): boolean {
    if (!mayPass(error)) return false;
    if (this.#connection === connection) this.#schedule.after(AGAIN_MS * (0.5 + Math.random()), work);
    return true;
  }

  #failLongest(error: Error): void {
    const underWay = this.#sends.all().filter((sending) => sending.underWay);
    const longest = underWay.reduce<Sending | undefined>(
      (longest, sending) => (longest && longest.text.length >= sending.text.length ? longest : sending),
      undefined,
    );
    if (longest) this.#fail(longest, error);
  }

  #fail(sending: Sending, error: unknown): void {
    this.#sends.remove(sending);
    sending.reject(error as Error);
  }

  /** The token is asked for again until there is a new one, or the old one has ended. */
  #renewInTime(connection: LiveConnection, token: string): void {
    const delay = renewalDelay(token, this.#options.renewBeforeMs);
    if (delay === undefined) return;
    this.#schedule.after(Math.max(delay, AGAIN_MS), async () => {
      const renewed = await Promise.resolve()
        .then(() => this.#options.token())
        .catch(() => token);
      if (this.#connection !== connection) return;
      if (renewed !== token) this.#paced(connection, () => connection.renew(renewed));
      this.#renewInTime(connection, renewed);
    });
  }

  /** Unless the connection is lost before its turn comes. */
  #paced(connection: LiveConnection, work: () => void): void {
    this.#schedule.inTurn(() => {
      if (this.#connection === connection && connection.isOpen) work();
    });
  }

  #end(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort();
    this.#connection = undefined;
    this.#schedule.clear();
    for (const sending of this.#sends.all()) this.#fail(sending, error);
    for (const { onRefused } of this.#following.values()) onRefused(error);
    this.#following.clear();
    this.#options.onState?.("closed");
  }
}

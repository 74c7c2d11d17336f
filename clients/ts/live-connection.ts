/** A WebSocket to `/v1/ws`: subscriptions that show each entry once and in order, and sends that are acknowledged. */
import type { Chat } from "../../services/chat/chat.contract.ts";
import type { Room } from "../../services/rooms/rooms.contract.ts";
import {
  type Ack,
  type Callbacks,
  type Closed,
  checkNames,
  type Frame,
  FrameError,
  type Signal,
} from "./frames.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Sends } from "./pending.ts";
import { Subscriptions } from "./subscriptions.ts";

const MAX_FRAME_BYTES = 16 * 1024;
const TOO_LONG = { code: "INVALID_ARGUMENT", message: "The message is too long." };
const sizeOf = (frame: Frame): number => new TextEncoder().encode(JSON.stringify(frame)).length;

const READY_MS = 10_000;
const CLOSE_MS = 5_000;
/** RFC 6455's code for a connection that ended without a close. */
const CUT = 1006;

export interface OpenOptions {
  /** Within which the gateway must be ready, milliseconds. 10,000 by default. */
  readyMs?: number;
  /** How long the gateway gets to answer a close, milliseconds. 5,000 by default. */
  closeMs?: number;
}

export class LiveConnection {
  /** Settles when the connection ends, whoever ended it. */
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #closeMs: number;
  readonly #sends = new Sends();
  readonly #subscriptions = new Subscriptions((frame) => this.isOpen && this.#push(frame));
  readonly #heartbeat = new Heartbeat();
  readonly #ready = Promise.withResolvers<void>();
  readonly #settle: (closed: Closed) => void;
  #answerOverdue: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  /** Called when somebody opens a chat with this user. May be missed: the list of chats has it. */
  onChatCreated: ((chat: Chat) => void) | undefined;
  /** Called when somebody makes this user a member. May be missed: the list of rooms has it. */
  onRoomJoined: ((room: Room) => void) | undefined;

  private constructor(url: string, token: string, closeMs: number) {
    const { promise, resolve } = Promise.withResolvers<Closed>();
    this.closed = promise;
    this.#settle = resolve;
    this.#closeMs = closeMs;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("open", () => this.#push({ op: "auth", token }));
    this.#socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#end({ code, reason }));
  }

  /** @param signal ends it while it is being opened */
  static async open(
    url: string,
    token: string,
    { readyMs = READY_MS, closeMs = CLOSE_MS, signal }: OpenOptions & { signal?: AbortSignal } = {},
  ): Promise<LiveConnection> {
    signal?.throwIfAborted();
    const connection = new LiveConnection(url, token, closeMs);
    const overdue = setTimeout(() => connection.#drop("not ready in time"), readyMs);
    const giveUp = () => connection.#drop("given up");
    signal?.addEventListener("abort", giveUp);
    try {
      await connection.#ready.promise;
    } catch (error) {
      connection.#drop("refused");
      throw error;
    } finally {
      clearTimeout(overdue);
      signal?.removeEventListener("abort", giveUp);
    }
    return connection;
  }

  /**
   * Takes the place of an earlier one of the same conversation, which is shown nothing more.
   * @param after the last seq that is known; without it only what is new comes
   * @param show the callback for messages, or all of them
   * @returns the seq that the conversation had reached; rejects when it is refused, or given up before it was confirmed
   */
  async subscribe(
    conversation: string,
    show: Callbacks["onMessage"] | Callbacks,
    after?: number,
  ): Promise<number> {
    checkNames(conversation);
    this.#assertOpen();
    const callbacks = typeof show === "function" ? { onMessage: show } : show;
    return this.#subscriptions.add(conversation, callbacks, after);
  }

  unsubscribe(conversation: string): void {
    this.#assertOpen();
    this.#subscriptions.remove(conversation);
  }

  /**
   * The same message sent again while it is under way is one message.
   * @param nonce the same one for each try of the same message
   */
  async send(conversation: string, text: string, nonce: string = crypto.randomUUID()): Promise<Ack> {
    checkNames(conversation, nonce);
    const frame = { op: "send", conversation, text, nonce };
    // A gateway would end the connection, and all else that is under way on it.
    if (sizeOf(frame) > MAX_FRAME_BYTES) throw new FrameError(TOO_LONG);
    this.#assertOpen();
    return this.#sends.add(conversation, text, nonce, () => this.#push(frame));
  }

  /** Not acknowledged: the REST client's `markRead` is. */
  markRead(conversation: string, seq: number): void {
    this.#push({ op: "read", conversation, seq });
  }

  /** To be repeated while it goes on. Needs a subscription. */
  typing(conversation: string): void {
    this.#push({ op: "typing", conversation });
  }

  /** Before the token that was used last ends. */
  renew(token: string): void {
    this.#push({ op: "auth", token });
  }

  get isOpen(): boolean {
    return !this.#ended && this.#socket.readyState === WebSocket.OPEN;
  }

  /** The seq of the last entry that came, 0 for none. */
  lastSeen(conversation: string): number {
    return this.#subscriptions.lastSeen(conversation);
  }

  /** Settles when the gateway has answered, or has had its time to. */
  close(): Promise<Closed> {
    this.#heartbeat.stop();
    this.#socket.close(1000);
    if (!this.#ended)
      this.#answerOverdue ??= setTimeout(() => this.#drop("the close was not answered"), this.#closeMs);
    return this.closed;
  }

  #assertOpen(): void {
    if (!this.isOpen) throw new Error("the connection has ended");
  }

  #push(frame: Frame): void {
    this.#assertOpen();
    this.#socket.send(JSON.stringify(frame));
  }

  #receive(text: string): void {
    if (this.#ended) return;
    this.#heartbeat.heard();
    const frame = JSON.parse(text) as Frame;
    const conversation = String(frame.conversation ?? frame.conversation_id);
    switch (frame.op) {
      case "ready":
        this.#beginHeartbeat(frame.heartbeat_ms);
        this.#ready.resolve();
        break;
      case "ack":
        this.#sends.take(frame)?.resolve(frame as unknown as Ack);
        break;
      case "subscribed":
        this.#subscriptions.confirm(conversation, Number(frame.seq));
        break;
      case "message":
      case "edited":
      case "deleted":
        this.#subscriptions.show(conversation, frame);
        break;
      case "chat_created":
        this.onChatCreated?.(frame.chat as Chat);
        break;
      case "room_joined":
        this.onRoomJoined?.(frame.room as Room);
        break;
      case "unsubscribed":
        // One's own unsubscribing needs no answer.
        if (frame.ended === true) this.#subscriptions.end(conversation);
        break;
      case "read":
        this.#subscriptions.showing(conversation)?.onRead?.(frame as unknown as Signal & { seq: number });
        break;
      case "typing":
        this.#subscriptions.showing(conversation)?.onTyping?.(frame as unknown as Signal);
        break;
      case "error":
        this.#refused(frame);
    }
  }

  #refused(frame: Frame): void {
    const error = new FrameError(frame);
    const { conversation, of } = frame;
    const sending = this.#sends.take(frame);
    if (sending) sending.reject(error);
    else if (conversation === undefined) this.#ready.reject(error);
    else if (of === undefined || of === "subscribe") this.#subscriptions.refuse(String(conversation), error);
  }

  #beginHeartbeat(everyMs: unknown): void {
    // A closing one has been promised no answers.
    if (!this.isOpen) return;
    const ping = () => {
      if (this.isOpen) this.#push({ op: "ping" });
    };
    this.#heartbeat.start(everyMs, ping, () => this.#drop("the gateway is silent"));
  }

  /** Without waiting for an answer: who is gone gives none. */
  #drop(reason: string): void {
    this.#end({ code: CUT, reason });
    this.#socket.close();
  }

  #end(closed: Closed): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#heartbeat.stop();
    clearTimeout(this.#answerOverdue);
    const error = new Error(`the connection has ended: ${closed.code} ${closed.reason}`);
    this.#ready.reject(error);
    for (const sending of this.#sends.all()) sending.reject(error);
    this.#subscriptions.fail(error);
    this.#settle(closed);
  }
}

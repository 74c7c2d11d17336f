/** One WebSocket connection: who it is, what it asks, and what it is sent. */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { type Caller, call } from "../../../lib/contract.ts";
import {
  failedPrecondition,
  hasCode,
  invalidArgument,
  permissionDenied,
  resourceExhausted,
  unauthenticated,
} from "../../../lib/errors.ts";
import type { ConversationId } from "../../../lib/ids.ts";
import { FrameRate } from "./frame-rate.ts";
import { type Frame, FrameWriter, framedOf, frameOf, type WriterOwner } from "./frame-writer.ts";
import * as frames from "./frames.ts";
import type { Host } from "./host.ts";
import { CLOSE, type CloseCode } from "./limits.ts";
import type { LiveClient } from "./live-client.ts";
import { Outbox } from "./outbox.ts";
import { type Outlet, Subscription } from "./subscription.ts";

const MISSED_PINGS = 2;
/** For the close to be read by who sent too much. */
const FLOOD_ENDS_MS = 1_000;

/** ws has closed it with the right code by then: 1009 for a frame too large, 1007 for what is no UTF-8 … */
const ignore = () => {};

/** Thousands of them say nothing: what a connection needs only once it does something is made then. */
export class Connection implements LiveClient, Outlet, WriterOwner {
  readonly #socket: WebSocket;
  readonly #writer: FrameWriter;
  readonly #host: Host;
  deadline: number;
  #subscriptions: Map<ConversationId, Subscription> | undefined;
  #outbox: Outbox | undefined;
  #caller: Caller | undefined;
  #turn: Promise<void> | undefined;
  #unansweredPings = 0;
  readonly #rate = new FrameRate();

  /** @param tcp what the socket was made of */
  constructor(socket: WebSocket, tcp: Duplex, host: Host) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket, tcp, host, this);
    this.#host = host;
    this.deadline = Date.now() + host.limits.authDeadlineMs;
    socket.on("message", (bytes, isBinary) => this.#receive(bytes, isBinary));
    socket.on("ping", () => this.#countFrame());
    socket.on("pong", () => {
      this.#unansweredPings = 0;
      this.#countFrame();
    });
    socket.on("error", ignore);
    socket.on("close", () => {
      this.#end();
      host.ended(this);
    });
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  /** Takes a token that came with the request or in a frame. A first one that is not good ends the connection. */
  authenticate(check: () => CheckedToken): void {
    try {
      this.#admit(check());
    } catch (error) {
      this.#refuse(error);
      if (this.#caller) return;
      const unknown = hasCode(error, "UNAVAILABLE");
      this.close(unknown ? CLOSE.TRY_AGAIN_LATER : CLOSE.UNAUTHENTICATED, "no valid token");
    }
  }

  push(frame: string): void {
    this.#writer.write(frameOf(frame));
  }

  pushSignal(signal: Frame): void {
    this.#writer.write(framedOf(signal));
  }

  pushEntry(entry: Frame, written?: () => void): void {
    this.#writer.write(framedOf(entry), written);
  }

  inTurn(work: () => Promise<void>): Promise<void> {
    const done = (this.#turn ?? Promise.resolve()).then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** What comes in afterwards is not looked at. */
  close(code: CloseCode, reason: string): void {
    if (code === CLOSE.UNAUTHENTICATED) this.#caller = undefined;
    this.#writer.flush();
    this.#socket.close(code, reason);
    this.#end();
  }

  revoke(): void {
    this.push(frames.SESSION_REVOKED);
    this.close(CLOSE.UNAUTHENTICATED, "session revoked");
  }

  tooSlow(): void {
    this.close(CLOSE.TOO_SLOW, "too slow: resume");
  }

  expire(): void {
    this.close(CLOSE.UNAUTHENTICATED, this.#caller ? "token expired" : "no token");
  }

  beat(): void {
    if (this.#unansweredPings >= MISSED_PINGS) this.#socket.terminate();
    this.#unansweredPings += 1;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** What is being sent gets its acknowledgement first. */
  async leave(): Promise<void> {
    this.#socket.removeAllListeners("message");
    await this.#outbox?.settled();
    this.close(CLOSE.GOING_AWAY, "going away: resume elsewhere");
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #admit({ caller, expiresAt }: CheckedToken): void {
    if (this.#caller && this.#caller.id !== caller.id) throw permissionDenied("The token is another user's.");
    if (!this.#caller && !this.#host.admit(this, caller.id)) {
      this.close(CLOSE.TOO_MANY_CONNECTIONS, "too many connections");
      return;
    }
    this.#caller = caller;
    this.deadline = expiresAt * 1000;
    this.push(frames.readyFrame(caller, this.#host.limits.heartbeatMs));
  }

  #receive(bytes: RawData, isBinary: boolean): void {
    if (!this.#countFrame()) return;
    const text = isBinary ? "" : bytes.toString();
    try {
      if (isBinary) throw invalidArgument("Frames are text.");
      this.#dispatch(frames.parseFrame(text));
    } catch (error) {
      this.#refuse(error, frames.aboutOf(text));
    }
  }

  #dispatch(frame: frames.ClientFrame): void {
    if (frame.op !== "auth" && !this.#caller) throw unauthenticated();
    switch (frame.op) {
      case "auth":
        this.authenticate(() => this.#host.checkToken(frame.token));
        break;
      case "subscribe":
        void this.#subscribe(frame);
        break;
      case "unsubscribe":
        this.#unsubscribe(frame.conversation);
        this.push(frames.unsubscribedFrame(frame.conversation));
        break;
      case "send":
        this.#inOrder(frame.conversation, () => this.#send(frame));
        break;
      case "read":
        this.#inOrder(frame.conversation, () => this.#markRead(frame));
        break;
      case "typing":
        if (this.#subscription(frame).typesAgain()) {
          this.#inOrder(frame.conversation, () => this.#signalTyping(frame));
        }
        break;
      case "ping":
        this.push(frames.PONG);
    }
  }

  #inOrder(conversation: ConversationId, send: () => Promise<void>): void {
    this.#outbox ??= new Outbox(this.#host.limits.pendingSends);
    this.#outbox.add(conversation, send);
  }

  #refuse(error: unknown, about: frames.About = {}): void {
    this.push(frames.errorFrame(error, about, this.#host.broker.logger));
  }

  async #send({ conversation, text, nonce }: frames.FrameOf<"send">): Promise<void> {
    try {
      const params = { id: conversation, text, nonce };
      const message = await call(this.#host.broker, "v1.chat.sendMessage", params, this.#asCaller());
      this.push(frames.ackFrame(nonce, message.seq, message.sent_at_unix_ms));
    } catch (error) {
      this.#refuse(error, { nonce, conversation, of: "send" });
    }
  }

  async #markRead({ conversation, seq }: frames.FrameOf<"read">): Promise<void> {
    try {
      await call(this.#host.broker, "v1.chat.markRead", { id: conversation, seq }, this.#asCaller());
    } catch (error) {
      this.#refuse(error, { conversation, of: "read" });
    }
  }

  /** @throws FAILED_PRECONDITION */
  #subscription({ conversation }: frames.FrameOf<"typing">): Subscription {
    const subscription = this.#subscriptions?.get(conversation);
    if (subscription?.authorized) return subscription;
    throw failedPrecondition("Subscribe to this conversation first.");
  }

  async #signalTyping({ conversation }: frames.FrameOf<"typing">): Promise<void> {
    try {
      await call(this.#host.broker, "v1.chat.signalTyping", { id: conversation }, this.#asCaller());
    } catch (error) {
      this.#refuse(error, { conversation, of: "typing" });
    }
  }

  /** A second one for the same conversation takes the first one's place. */
  async #subscribe({ conversation, after }: frames.FrameOf<"subscribe">): Promise<void> {
    this.#unsubscribe(conversation);
    this.#subscriptions ??= new Map();
    if (this.#subscriptions.size >= this.#host.limits.subscriptionsPerConnection) {
      const error = resourceExhausted("This connection has too many subscriptions.", 1);
      return this.#refuse(error, { conversation, of: "subscribe" });
    }
    const subscription = new Subscription(this.#host.feeds.hold(conversation), this, () => {
      this.#subscriptions?.delete(conversation);
      this.push(frames.unsubscribedFrame(conversation, true));
    });
    this.#subscriptions.set(conversation, subscription);
    try {
      await subscription.start(
        async () => ({ tail: await this.#authorize(conversation), after }),
        (tail) => this.push(frames.subscribedFrame(conversation, tail)),
      );
    } catch (error) {
      if (this.#subscriptions?.get(conversation) !== subscription) return;
      this.#unsubscribe(conversation);
      this.#refuse(error, { conversation, of: "subscribe" });
    }
  }

  #unsubscribe(conversation: ConversationId): void {
    this.#subscriptions?.get(conversation)?.end();
    this.#subscriptions?.delete(conversation);
  }

  async #authorize(conversation: ConversationId): Promise<number> {
    const params = { conversation };
    const { seq } = await call(this.#host.broker, "v1.chat.authorizeSubscription", params, this.#asCaller());
    return seq;
  }

  #asCaller() {
    // The session may have ended while the frame waited for its turn.
    if (!this.#caller) throw unauthenticated();
    return { meta: { user: this.#caller } };
  }

  /** @returns false if the frame is not to be looked at */
  #countFrame(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#rate.count(this.#host.limits.framesPerSecond)) return true;
    this.close(CLOSE.TOO_MANY_FRAMES, "too many frames");
    this.#endFlood();
    return false;
  }

  /** Waiting for an answer to the close, ws would go on reading at the flood's own pace. */
  #endFlood(): void {
    this.#socket.pause();
    setTimeout(() => this.#socket.terminate(), FLOOD_ENDS_MS).unref();
  }

  #end(): void {
    this.deadline = Number.POSITIVE_INFINITY;
    for (const subscription of this.#subscriptions?.values() ?? []) subscription.end();
    this.#subscriptions = undefined;
  }
}

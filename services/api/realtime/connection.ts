/** One WebSocket connection of `/v1`: what it asks, and what it is sent. */
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { call } from "../../../lib/contract.ts";
import {
  failedPrecondition,
  hasCode,
  invalidArgument,
  resourceExhausted,
  unauthenticated,
} from "../../../lib/errors.ts";
import type { ConversationId } from "../../../lib/ids.ts";
import { errorOf } from "../../../lib/refusal.ts";
import { MAX_SENT_AT_ONCE, type Message } from "../../chat/chat.contract.ts";
import type { Frame } from "./frame-writer.ts";
import * as frames from "./frames.ts";
import { CLOSE } from "./limits.ts";
import { LiveSocket } from "./live-socket.ts";
import type { Place } from "./outbox.ts";
import { type Outlet, Subscription } from "./subscription.ts";

type SendFrame = frames.FrameOf<"send">;

/** What is sent to a conversation by one call, and may still become more. */
interface Burst {
  frames: SendFrame[];
  place: Place;
}

export class Connection extends LiveSocket implements Outlet {
  #subscriptions: Map<ConversationId, Subscription> | undefined;
  #bursts: Map<ConversationId, Burst> | undefined;

  /** Takes a token that came with the request or in a frame. A first one that is not good ends the connection. */
  authenticate(check: () => CheckedToken): void {
    try {
      if (!this.admit(check()) || !this.caller) return;
      this.push(frames.readyFrame(this.caller, this.host.limits.heartbeatMs));
    } catch (error) {
      this.#refuse(error);
      if (this.caller) return;
      const unknown = hasCode(error, "UNAVAILABLE");
      this.close(unknown ? CLOSE.TRY_AGAIN_LATER : CLOSE.UNAUTHENTICATED, "no valid token");
    }
  }

  pushEntry(entry: Frame, written?: () => void): void {
    this.pushFrame(entry, written);
  }

  override revoke(): void {
    this.push(frames.SESSION_REVOKED);
    super.revoke();
  }

  protected receive(text: string | undefined): void {
    try {
      if (text === undefined) throw invalidArgument("Frames are text.");
      this.#dispatch(frames.parseFrame(text));
    } catch (error) {
      this.#refuse(error, frames.aboutOf(text ?? ""));
    }
  }

  protected stopReading(): void {
    for (const subscription of this.#subscriptions?.values() ?? []) subscription.end();
    this.#subscriptions = undefined;
  }

  #dispatch(frame: frames.ClientFrame): void {
    if (frame.op !== "auth" && !this.caller) throw unauthenticated();
    switch (frame.op) {
      case "auth":
        this.authenticate(() => this.host.checkToken(frame.token));
        break;
      case "subscribe":
        void this.#subscribe(frame);
        break;
      case "unsubscribe":
        this.#unsubscribe(frame.conversation);
        this.push(frames.unsubscribedFrame(frame.conversation));
        break;
      case "send":
        this.#queue(frame);
        break;
      case "read":
        this.#bursts?.delete(frame.conversation);
        this.inOrder(frame.conversation, () => this.#markRead(frame));
        break;
      case "typing":
        this.#assertReads(frame.conversation);
        if (this.host.typing.isNews(frame.conversation, this.asCaller().meta.user.id)) {
          this.#bursts?.delete(frame.conversation);
          this.inOrder(frame.conversation, () => this.#signalTyping(frame));
        }
        break;
      case "ping":
        this.push(frames.PONG);
    }
  }

  #refuse(error: unknown, about: frames.About = {}): void {
    this.push(frames.errorFrame(error, about, this.host.broker.logger));
  }

  /** With what waits behind the same send already, if nothing else came between: so a burst goes into the log together. */
  #queue(frame: SendFrame): void {
    const { conversation } = frame;
    const open = this.#bursts?.get(conversation);
    if (open && open.frames.length < MAX_SENT_AT_ONCE) {
      open.place.share();
      open.frames.push(frame);
      return;
    }
    const frames = [frame];
    const place = this.inOrder(conversation, () => {
      if (this.#bursts?.get(conversation)?.frames === frames) this.#bursts.delete(conversation);
      return this.#send(conversation, frames);
    });
    this.#bursts ??= new Map();
    this.#bursts.set(conversation, { frames, place });
  }

  async #send(id: ConversationId, sent: SendFrame[]): Promise<void> {
    const messages = sent.map(({ text, nonce }) => ({ text, nonce }));
    const answered = (nonce: string, message: Message) => this.push(frames.ackFrame(id, nonce, message));
    const refused = (nonce: string, error: unknown) =>
      this.#refuse(error, { nonce, conversation: id, of: "send" });
    try {
      const [only, another] = messages;
      if (only && !another) {
        const message = await call(this.host.broker, "v1.chat.sendMessage", { id, ...only }, this.asCaller());
        return answered(only.nonce, message);
      }
      const all = await call(this.host.broker, "v1.chat.sendMessages", { id, messages }, this.asCaller());
      for (const [i, { nonce }] of messages.entries()) {
        const answer = all.sent[i];
        if (answer && "refused" in answer) refused(nonce, errorOf(answer));
        else if (answer) answered(nonce, answer);
      }
    } catch (error) {
      const [, another] = sent;
      // In the middle of an update: the chat services that run are of the version before.
      if (another && isUnknown(error)) for (const frame of sent) await this.#send(id, [frame]);
      else for (const { nonce } of messages) refused(nonce, error);
    }
  }

  async #markRead({ conversation, seq }: frames.FrameOf<"read">): Promise<void> {
    try {
      await call(this.host.broker, "v1.chat.markRead", { id: conversation, seq }, this.asCaller());
    } catch (error) {
      this.#refuse(error, { conversation, of: "read" });
    }
  }

  /** @throws FAILED_PRECONDITION */
  #assertReads(conversation: ConversationId): void {
    if (!this.#subscriptions?.get(conversation)?.authorized) {
      throw failedPrecondition("Subscribe to this conversation first.");
    }
  }

  async #signalTyping({ conversation }: frames.FrameOf<"typing">): Promise<void> {
    try {
      await call(this.host.broker, "v1.chat.signalTyping", { id: conversation }, this.asCaller());
    } catch (error) {
      this.#refuse(error, { conversation, of: "typing" });
    }
  }

  /** A second one for the same conversation takes the first one's place. */
  async #subscribe({ conversation, after }: frames.FrameOf<"subscribe">): Promise<void> {
    this.#unsubscribe(conversation);
    this.#subscriptions ??= new Map();
    if (this.#subscriptions.size >= this.host.limits.subscriptionsPerConnection) {
      const error = resourceExhausted("This connection has too many subscriptions.", 1);
      return this.#refuse(error, { conversation, of: "subscribe" });
    }
    const subscription = new Subscription(this.host.feeds.hold(conversation), this, () => {
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
    const { seq } = await call(this.host.broker, "v1.chat.authorizeSubscription", params, this.asCaller());
    return seq;
  }
}

/** Whether there is no such action in the mesh. */
const isUnknown = (error: unknown): boolean => (error as { type?: unknown }).type === "SERVICE_NOT_FOUND";

/** A WebSocket to `/v1/ws`: subscriptions that show each entry once and in order, and sends that are acknowledged. */
import type { Chat, Message } from "../../services/chat/chat.contract.ts";
import type { Room } from "../../services/rooms/rooms.contract.ts";

export interface Ack {
  seq: number;
  sent_at_unix_ms: number;
}

/** A message that says something else from now on. `seq` is the change's own, `target` the message's. */
export interface Edited {
  conversation: string;
  seq: number;
  target: number;
  text: string;
  edited_at_unix_ms: number;
}

/** A message that lost its text for good: an edit of it that comes later changes nothing. */
export interface Deleted {
  conversation: string;
  seq: number;
  target: number;
}

/** What another one does: not kept, and may be missed. */
export interface Signal {
  conversation: string;
  user_id: string;
}

export interface Callbacks {
  /** These three are called once for each entry, all of them in the order of `seq`. */
  onMessage(message: Message): void;
  onEdited?(edited: Edited): void;
  onDeleted?(deleted: Deleted): void;
  /** Everything up to `seq`. */
  onRead?(read: Signal & { seq: number }): void;
  onTyping?(typing: Signal): void;
  /** Nothing more comes: one is no longer a member, or the conversation is gone. */
  onEnded?(): void;
}

/** How a connection ended. 4001: sign in again; 1001, 4008 and those of the network: connect again and resume. */
export interface Closed {
  code: number;
  reason: string;
}

/** An `error` frame. */
export class FrameError extends Error {
  readonly code: string;

  constructor({ code, message }: Frame) {
    super(String(message));
    this.name = "FrameError";
    this.code = String(code);
  }
}

type Frame = Record<string, unknown> & { op: string };

const MAX_FRAME_BYTES = 16 * 1024;
const TOO_LONG: Frame = { op: "error", code: "INVALID_ARGUMENT", message: "The message is too long." };
const sizeOf = (frame: Frame): number => new TextEncoder().encode(JSON.stringify(frame)).length;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

interface Following extends Waiting<number> {
  /** The last one shown. */
  seq: number;
  show: Callbacks;
  /** Whether the server has confirmed it. */
  subscribed?: boolean;
}

export class LiveConnection {
  /** Settles when the connection ends, whoever ended it. */
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #sends = new Map<string, Waiting<Ack>>();
  readonly #following = new Map<string, Following>();
  #ready: Waiting<void> | undefined;
  /** Called when somebody opens a chat with this user. May be missed: the list of chats has it. */
  onChatCreated: ((chat: Chat) => void) | undefined;
  /** Called when somebody makes this user a member. May be missed: the list of rooms has it. */
  onRoomJoined: ((room: Room) => void) | undefined;

  private constructor(url: string, token: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("open", () => this.#push({ op: "auth", token }));
    this.#socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(String(data)) as Frame));
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ code, reason }) => {
        this.#fail(new Error(`the connection has ended: ${code} ${reason}`));
        resolve({ code, reason });
      });
    });
  }

  static async open(url: string, token: string): Promise<LiveConnection> {
    const connection = new LiveConnection(url, token);
    await new Promise<void>((resolve, reject) => {
      connection.#ready = { resolve, reject };
    });
    return connection;
  }

  /**
   * @param after the last seq that is known; without it only what is new comes
   * @param show the callback for messages, or all of them
   * @returns the seq that the conversation had reached
   */
  subscribe(conversation: string, show: Callbacks["onMessage"] | Callbacks, after?: number): Promise<number> {
    const callbacks = typeof show === "function" ? { onMessage: show } : show;
    return new Promise((resolve, reject) => {
      this.#following.set(keptId(conversation), { seq: after ?? 0, show: callbacks, resolve, reject });
      this.#push({ op: "subscribe", conversation, after });
    });
  }

  unsubscribe(conversation: string): void {
    this.#following.delete(keptId(conversation));
    this.#push({ op: "unsubscribe", conversation });
  }

  /** @param nonce the same one for each try of the same message */
  send(conversation: string, text: string, nonce: string = crypto.randomUUID()): Promise<Ack> {
    const frame = { op: "send", conversation, text, nonce };
    // A gateway would end the connection, and all else that is under way on it.
    if (sizeOf(frame) > MAX_FRAME_BYTES) return Promise.reject(new FrameError(TOO_LONG));
    return new Promise((resolve, reject) => {
      this.#sends.set(nonce, { resolve, reject });
      this.#push(frame);
    });
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
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** The seq of the last entry that came, 0 for none. */
  lastSeen(conversation: string): number {
    return this.#following.get(keptId(conversation))?.seq ?? 0;
  }

  close(): Promise<Closed> {
    this.#socket.close(1000);
    return this.closed;
  }

  #push(frame: Frame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error("the connection has ended");
    this.#socket.send(JSON.stringify(frame));
  }

  #receive(frame: Frame): void {
    const nonce = String(frame.nonce);
    const following = this.#following.get(String(frame.conversation ?? frame.conversation_id));
    switch (frame.op) {
      case "ready":
        this.#ready?.resolve();
        break;
      case "ack":
        this.#sends.get(nonce)?.resolve(frame as unknown as Ack);
        this.#sends.delete(nonce);
        break;
      case "subscribed":
        if (following) following.subscribed = true;
        following?.resolve(Number(frame.seq));
        break;
      case "message":
      case "edited":
      case "deleted":
        if (following) show(following, frame);
        break;
      case "chat_created":
        this.onChatCreated?.(frame.chat as Chat);
        break;
      case "room_joined":
        this.onRoomJoined?.(frame.room as Room);
        break;
      case "unsubscribed":
        // One's own unsubscribing needs no answer.
        if (frame.ended === true) this.#ended(String(frame.conversation));
        break;
      case "read":
        following?.show.onRead?.(frame as unknown as Signal & { seq: number });
        break;
      case "typing":
        following?.show.onTyping?.(frame as unknown as Signal);
        break;
      case "error":
        this.#refused(frame, following);
    }
  }

  #ended(conversation: string): void {
    const following = this.#following.get(conversation);
    // Otherwise it crossed a new subscription on its way.
    if (!following?.subscribed) return;
    this.#following.delete(conversation);
    following.show.onEnded?.();
  }

  #refused(frame: Frame, following: Following | undefined): void {
    const error = new FrameError(frame);
    const sending = this.#sends.get(String(frame.nonce));
    if (sending) sending.reject(error);
    else if (following) {
      if (frame.of === undefined || frame.of === "subscribe") following.reject(error);
    } else this.#ready?.reject(error);
    this.#sends.delete(String(frame.nonce));
  }

  #fail(error: Error): void {
    this.#ready?.reject(error);
    for (const waiting of [...this.#sends.values(), ...this.#following.values()]) waiting.reject(error);
    this.#sends.clear();
  }
}

/** Servers write ids with all their zeros, and take them without. */
const keptId = (id: string): string => id.padStart(16, "0");

function show(following: Following, { op, ...entry }: Frame): void {
  const seq = Number(entry.seq);
  if (seq <= following.seq) return;
  following.seq = seq;
  // The gateway says by `op` which one it is.
  if (op === "message") following.show.onMessage(entry as unknown as Message);
  else if (op === "edited") following.show.onEdited?.(entry as unknown as Edited);
  else following.show.onDeleted?.(entry as unknown as Deleted);
}

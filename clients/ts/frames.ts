/** What a gateway tells over a WebSocket, as a client sees it. */
import type { Message } from "../../services/chat/chat.contract.ts";

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
  /** The gateway could not go on with it. To be subscribed to again, which a steady connection does by itself. */
  onFailed?(error: FrameError): void;
}

/** How a connection ended. 4001: sign in again; 1001, 4008 and those of the network: connect again and resume. */
export interface Closed {
  code: number;
  reason: string;
}

/** An `error` frame, or what would be answered with one. */
export class FrameError extends Error {
  readonly code: string;

  constructor({ code, message }: Readonly<Record<string, unknown>>) {
    super(String(message));
    this.name = "FrameError";
    this.code = String(code);
  }
}

export type Frame = Record<string, unknown> & { op: string };

/** Servers write ids with all their zeros, and take them without. */
export const keptId = (id: string): string => id.padStart(16, "0");

const ID = /^[0-9]{1,16}$/;
const LARGEST_ID = String(Number.MAX_SAFE_INTEGER);
const NONCE = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws FrameError for what a gateway would refuse without a word of what it refuses, so that nobody would be told */
export function checkNames(conversation: string, nonce = "none"): void {
  const code = "INVALID_ARGUMENT";
  if (!ID.test(conversation) || keptId(conversation) > LARGEST_ID)
    throw new FrameError({ code, message: "The conversation must be an id: up to 16 digits." });
  if (!NONCE.test(nonce))
    throw new FrameError({ code, message: "The nonce must be 1 to 64 letters, digits, _ or -." });
}

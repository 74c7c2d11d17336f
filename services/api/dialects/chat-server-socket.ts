/** The WebSocket of chat-server: one room at a time. Another language over the same connections and the same delivery. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { call } from "../../../lib/contract.ts";
import { hasCode, permissionDenied } from "../../../lib/errors.ts";
import { type ConversationId, isRoom } from "../../../lib/ids.ts";
import type { Entry, EntryFrame } from "../../chat/chat.contract.ts";
import type { Authentication } from "../authentication.ts";
import { rawText, stackOf, toProblem } from "../problem.ts";
import type { LiveEntry } from "../realtime/conversation-feed.ts";
import type { Frame } from "../realtime/frame-writer.ts";
import { LiveSocket } from "../realtime/live-socket.ts";
import { type Outlet, Subscription } from "../realtime/subscription.ts";
import { numberOf, RoomNumber, timeOf } from "./values.ts";

export const CHAT_SERVER_SOCKET = "/ws";

const ENTERED = JSON.stringify({ Type: "enter" });
const NOT_IN_ROOM = "not in room";
const NOT_MEMBER = "not room member";
const ALREADY_IN_ROOM = "already in room";
const INVALID_ROOM = "invalid room id";
const INVALID_OPERATION = "invalid operation";

/** Fields have any case, and those that are missing are empty, as for the decoder of the original. */
const ClientFrame = z.preprocess(
  (frame) =>
    typeof frame === "object" && frame !== null
      ? Object.fromEntries(Object.entries(frame).map(([name, value]) => [name.toLowerCase(), value]))
      : frame,
  z.object({ type: z.string(), roomid: z.unknown().optional(), text: z.string().default("") }),
);

/** The queue of what one connection asks: an order of its own, beside those of the rooms. */
const FRAMES = "frames";

/** In the query, since browsers can't set headers; or in `Authorization`. @throws UNAUTHENTICATED, UNAVAILABLE */
export function tokenOfRequest(req: IncomingMessage, authentication: Authentication): CheckedToken {
  const token = URL.parse(req.url ?? "", "ws://gateway")?.searchParams.get("token");
  return authentication.ofHeader(token ?? req.headers.authorization);
}

/** The answer to a request for a connection that is refused: the message alone. */
export function refusalInChatServer(error: unknown): string {
  const problem = toProblem(error);
  return rawText(problem, "text/plain", problem.detail);
}

export class ChatServerSocket extends LiveSocket implements Outlet {
  #room: { id: ConversationId; subscription: Subscription } | undefined;

  /** To be called once, with the token that it came with. */
  enter(checked: CheckedToken): void {
    if (this.admit(checked)) this.push(ENTERED);
  }

  pushEntry(entry: LiveEntry | Entry, written?: () => void): void {
    const frame = inThisDialect(entry);
    if (frame) this.pushFrame(frame, written);
    else written?.();
  }

  /** That somebody reads or types has no frame here, nor has what happens to other rooms. */
  override pushSignal(): void {}

  protected receive(text: string | undefined): void {
    const { data: frame } = ClientFrame.safeParse(parsed(text));
    if (!frame) {
      this.#refuse(INVALID_OPERATION);
      return;
    }
    try {
      this.inOrder(FRAMES, () => this.#serve(frame));
    } catch (error) {
      this.#fail(error);
    }
  }

  protected stopReading(): void {
    this.#room?.subscription.end();
    this.#room = undefined;
  }

  async #serve({ type, roomid, text }: z.output<typeof ClientFrame>): Promise<void> {
    try {
      if (type === "enter") await this.#enterRoom(roomid ?? 0);
      else if (type === "message") await this.#send(text);
      else this.#refuse(INVALID_OPERATION);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #enterRoom(wanted: unknown): Promise<void> {
    if (wanted === 0) return this.#leaveRoom();
    const { data: id } = RoomNumber.safeParse(wanted);
    if (id === undefined) return this.#refuse(INVALID_ROOM);
    if (this.#room?.id === id) return this.#refuse(ALREADY_IN_ROOM);
    const subscription = new Subscription(this.host.feeds.hold(id), this, () => {
      this.#room = undefined;
      this.#refuse(NOT_MEMBER);
    });
    try {
      await subscription.start(
        () => this.#authorize(id),
        () => {
          // The one before is left only now: who may not enter stays where they are.
          this.stopReading();
          this.#room = { id, subscription };
          this.push(ENTERED);
        },
      );
    } catch (error) {
      subscription.end();
      if (this.#room?.subscription === subscription) this.#room = undefined;
      throw error;
    }
    // Closed while it was being asked for: nobody would end it.
    if (!this.caller) subscription.end();
  }

  #leaveRoom(): void {
    if (!this.#room) this.#refuse(NOT_IN_ROOM);
    else {
      this.stopReading();
      this.push(ENTERED);
    }
  }

  async #authorize(conversation: ConversationId): Promise<{ tail: number }> {
    // A direct chat is none of the rooms, whoever is in it.
    if (!isRoom(conversation)) throw permissionDenied(NOT_MEMBER);
    const params = { conversation };
    const { seq } = await call(this.host.broker, "v1.chat.authorizeSubscription", params, this.asCaller());
    return { tail: seq };
  }

  async #send(text: string): Promise<void> {
    if (!this.#room) return this.#refuse(NOT_IN_ROOM);
    const params = { id: this.#room.id, text, nonce: randomUUID() };
    const { seq, sent_at_unix_ms } = await call(
      this.host.broker,
      "v1.chat.sendMessage",
      params,
      this.asCaller(),
    );
    this.push(JSON.stringify({ Type: "sent", MessageID: seq, Timestamp: timeOf(sent_at_unix_ms) }));
  }

  #fail(error: unknown): void {
    if (hasCode(error, "INVALID_ARGUMENT")) this.#refuse(INVALID_OPERATION);
    // Of a private room others don't learn that it exists.
    else if (hasCode(error, "PERMISSION_DENIED") || hasCode(error, "NOT_FOUND")) this.#refuse(NOT_MEMBER);
    else {
      const { detail, unexpected } = toProblem(error);
      if (unexpected)
        this.host.broker.logger.error({ stack: stackOf(error) }, "A frame could not be served.");
      this.#refuse(detail);
    }
  }

  #refuse(message: string): void {
    this.push(JSON.stringify({ Type: "error", Error: message }));
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

const translated = new WeakMap<LiveEntry | Entry, Frame | null>();

/** Translated once for all sockets. @returns null for what has no frame here: who leaves, an edit, a deletion */
function inThisDialect(entry: LiveEntry | Entry): Frame | null {
  const known = translated.get(entry);
  if (known !== undefined) return known;
  // A frame of the log is one of these by the contract of chat.
  const frame = translation(JSON.parse(entry.frame.toString()) as EntryFrame);
  translated.set(entry, frame);
  return frame;
}

function translation(frame: EntryFrame): Frame | null {
  if (frame.op !== "message" || frame.type === "leave") return null;
  const { type, seq, conversation_id, sender_id, text, sent_at_unix_ms } = frame;
  const shown = {
    Type: type,
    ID: seq,
    RoomID: numberOf(conversation_id),
    UID: numberOf(sender_id),
    Text: text,
    Timestamp: timeOf(sent_at_unix_ms),
  };
  return { frame: JSON.stringify(shown) };
}

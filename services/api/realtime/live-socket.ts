/** One WebSocket, whatever is spoken over it: who it is of, how it is written to, what it may not do, and how it ends. */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import type { Caller } from "../../../lib/contract.ts";
import { permissionDenied, unauthenticated } from "../../../lib/errors.ts";
import { FrameRate } from "./frame-rate.ts";
import { type Frame, FrameWriter, framedOf, frameOf, type WriterOwner } from "./frame-writer.ts";
import type { Host } from "./host.ts";
import { CLOSE, type CloseCode } from "./limits.ts";
import type { LiveClient } from "./live-client.ts";
import { Outbox, type Place } from "./outbox.ts";

const MISSED_PINGS = 2;
/** For the close to be read by who sent too much. */
const FLOOD_ENDS_MS = 1_000;

/** ws has closed it with the right code by then: 1009 for a frame too large, 1007 for what is no UTF-8 … */
const ignore = () => {};

/** Thousands of them say nothing: what one needs only once it does something is made then. */
export abstract class LiveSocket implements LiveClient, WriterOwner {
  protected readonly host: Host;
  deadline: number;
  readonly #socket: WebSocket;
  readonly #writer: FrameWriter;
  #outbox: Outbox | undefined;
  #caller: Caller | undefined;
  #turn: Promise<void> | undefined;
  #unansweredPings = 0;
  readonly #rate = new FrameRate();

  /** @param tcp what the socket was made of */
  constructor(socket: WebSocket, tcp: Duplex, host: Host) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket, tcp, host, this);
    this.host = host;
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

  /** Gets each text that comes, and undefined for a frame that is not of text. */
  protected abstract receive(text: string | undefined): void;

  /** Reads nothing any more. */
  protected abstract stopReading(): void;

  get caller(): Caller | undefined {
    return this.#caller;
  }

  push(frame: string): void {
    this.#writer.write(frameOf(frame));
  }

  pushSignal(signal: Frame): void {
    this.pushFrame(signal);
  }

  revoke(): void {
    this.close(CLOSE.UNAUTHENTICATED, "session revoked");
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

  /** @param frame the same object for all sockets: it is framed once. @param written called when it has left, or never will */
  protected pushFrame(frame: Frame, written?: () => void): void {
    this.#writer.write(framedOf(frame), written);
  }

  /** @returns false where it is closed instead, since its user has too many. @throws PERMISSION_DENIED for another user's token */
  protected admit({ caller, expiresAt }: CheckedToken): boolean {
    if (this.#caller && this.#caller.id !== caller.id) throw permissionDenied("The token is another user's.");
    if (!this.#caller && !this.host.admit(this, caller.id)) {
      this.close(CLOSE.TOO_MANY_CONNECTIONS, "too many connections");
      return false;
    }
    this.#caller = caller;
    this.deadline = expiresAt * 1000;
    return true;
  }

  /** @param send must not reject. @throws RESOURCE_EXHAUSTED */
  protected inOrder(queue: string, send: () => Promise<void>): Place {
    this.#outbox ??= new Outbox(this.host.limits.pendingSends);
    return this.#outbox.add(queue, send);
  }

  /** Of a call. @throws UNAUTHENTICATED: the session may have ended while a frame waited for its turn */
  protected asCaller() {
    if (!this.#caller) throw unauthenticated();
    return { meta: { user: this.#caller } };
  }

  #receive(bytes: RawData, isBinary: boolean): void {
    if (this.#countFrame()) this.receive(isBinary ? undefined : bytes.toString());
  }

  /** @returns false if the frame is not to be looked at */
  #countFrame(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#rate.count(this.host.limits.framesPerSecond)) return true;
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
    this.stopReading();
  }
}

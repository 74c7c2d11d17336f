// A gateway that does what a test says.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { eventually } from "../servers/eventually.ts";

export type Frame = Record<string, unknown> & { op: string };

export interface Visitor {
  /** Which connection it is, from 1 on. */
  nth: number;
  socket: WebSocket;
  reply(frame: Frame): void;
}

export class ScriptedGateway {
  /** The frames that came, one list a connection. */
  readonly got: Frame[][] = [];
  readonly #server = new WebSocketServer({ port: 0, host: "127.0.0.1" });

  /** @param answer called with each frame but the pings, which are answered as ever */
  static async start(answer: (frame: Frame, visitor: Visitor) => void): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway();
    gateway.#server.on("connection", (socket) => {
      const frames: Frame[] = [];
      const nth = gateway.got.push(frames);
      const reply = (frame: Frame) => socket.send(JSON.stringify(frame));
      socket.on("message", (bytes) => {
        const frame = JSON.parse(String(bytes)) as Frame;
        frames.push(frame);
        if (frame.op === "ping") reply({ op: "pong" });
        else answer(frame, { nth, socket, reply });
      });
    });
    await once(gateway.#server, "listening");
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of connections that stand. */
  get size(): number {
    return this.#server.clients.size;
  }

  /** All frames of this kind, of all connections. */
  all(op: string): Frame[] {
    return this.got.flat().filter((frame) => frame.op === op);
  }

  /** Waits for the `count`th frame of this kind. */
  async heard(op: string, count = 1): Promise<void> {
    await eventually(() => this.all(op).length >= count, { every: 5 });
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}

export const messageFrame = (conversation_id: string, seq: number): Frame => ({
  op: "message",
  conversation_id,
  seq,
  text: `${seq}`,
});

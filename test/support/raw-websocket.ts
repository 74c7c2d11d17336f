// A WebSocket client that may do what no library lets one do: RFC 6455 by hand, on a bare socket.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { eventually } from "../servers/eventually.ts";

/** Of RFC 6455, 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  /** The last one of its message; true by default. */
  fin?: boolean;
  /** Clients must mask, and do by default. */
  masked?: boolean;
  /** The three reserved bits, 0 to 7. */
  reserved?: number;
  /** What the header says the payload's length is, if not the truth. */
  announced?: bigint;
}

/** The bytes of one frame. */
export function frame(opcode: number, payload: Buffer | string = "", options: FrameOptions = {}): Buffer {
  const { fin = true, masked = true, reserved = 0, announced } = options;
  const body = Buffer.from(payload);
  const length = announced ?? BigInt(body.length);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const [short = 0, ...extended] = lengthOf(length);
  const header = Buffer.from([first, (masked ? 0x80 : 0) | short, ...extended]);
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const sent = masked ? body.map((byte, i) => byte ^ (mask[i % 4] ?? 0)) : body;
  return Buffer.concat([header, mask, sent]);
}

/** The seven bits of the second byte, and the bytes that follow it. */
function lengthOf(length: bigint): number[] {
  if (length < 126n) return [Number(length)];
  const extended = Buffer.alloc(length < 65_536n ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(Number(length));
  else extended.writeBigUInt64BE(length);
  return [extended.length === 2 ? 126 : 127, ...extended];
}

const KEPT_BYTES = 1_024;

export interface CloseFrame {
  code: number;
  reason: string;
}

export class RawWebSocket {
  readonly socket: Socket;
  ended = false;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
    });
    socket.on("data", (piece) => this.#receive(piece));
  }

  /** Connects and sends what is given, as it is. */
  static async send(baseUrl: string, bytes: string | Buffer): Promise<RawWebSocket> {
    const { hostname, port } = new URL(baseUrl);
    const socket = connect(Number(port), hostname);
    const raw = new RawWebSocket(socket);
    await new Promise((done) => {
      socket.once("connect", done);
      socket.once("close", done);
    });
    socket.write(bytes);
    return raw;
  }

  /** Connects to `/v1/ws`, and waits until frames can be sent. */
  static async open(baseUrl: string, token: string): Promise<RawWebSocket> {
    const raw = await RawWebSocket.send(baseUrl, handshake({ Authorization: `Bearer ${token}` }));
    await eventually(() => raw.text.includes("\r\n\r\n") || raw.ended, { every: 2 });
    return raw;
  }

  /** Everything that came, the handshake's answer too. */
  get text(): string {
    return this.#received.toString("latin1");
  }

  /** The status of the answer to the handshake. */
  get status(): number {
    return Number(this.text.split(" ")[1]);
  }

  /** With which the server closed it, where that is the last that came; undefined until it did. */
  get closeFrame(): CloseFrame | undefined {
    for (let at = this.#received.length - 4; at >= 0; at--) {
      const [first = 0, length = 0] = this.#received.subarray(at);
      if (first !== 0x88 || length < 2 || at + 2 + length !== this.#received.length) continue;
      const body = this.#received.subarray(at + 2);
      return { code: body.readUInt16BE(), reason: body.subarray(2).toString() };
    }
    return undefined;
  }

  write(bytes: Buffer): void {
    if (!this.ended) this.socket.write(bytes);
  }

  /** Writes as fast as the other side reads, until all is written or it has ended. */
  async pour(bytes: Buffer, times: number): Promise<void> {
    for (let i = 0; i < times && !this.ended; i++) {
      if (this.socket.write(bytes)) continue;
      await new Promise<void>((done) => {
        const on = () => {
          this.socket.off("drain", on).off("close", on);
          done();
        };
        this.socket.once("drain", on).once("close", on);
      });
    }
  }

  end(): void {
    this.socket.destroy();
  }

  /** Of what is poured back only the end is of interest, where the close is. */
  #receive(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]).subarray(-KEPT_BYTES);
  }
}

/** The request that opens a WebSocket. */
export function handshake(headers: Record<string, string> = {}, path = "/v1/ws"): string {
  const all = {
    Host: "veche",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

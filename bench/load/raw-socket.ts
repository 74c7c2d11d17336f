// A WebSocket client that costs next to nothing, so that the measured server does not wait for it: it looks at no more of a
// frame than it must, and masks with zeros.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const END_OF_HEAD = "\r\n\r\n";

export interface RawSocketOptions {
  /** With `ws://`. */
  url: string;
  token?: string | undefined;
}

export class RawSocket {
  readonly tcp: Socket;
  /** Of each text frame that comes in. */
  onText: (payload: Buffer) => void = () => {};
  onClose: (code: number) => void = () => {};
  #rest: Buffer | undefined;

  private constructor(tcp: Socket) {
    this.tcp = tcp;
  }

  /** @throws what the server answers instead of 101 */
  static async open({ url, token }: RawSocketOptions): Promise<RawSocket> {
    const { hostname, port, pathname, search } = new URL(url);
    const tcp = connect(Number(port), hostname);
    await once(tcp, "connect");
    tcp.setNoDelay(true);
    const head = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ];
    tcp.write(head.join("\r\n") + END_OF_HEAD);
    const socket = new RawSocket(tcp);
    tcp.on("error", () => {});
    tcp.on("close", () => socket.onClose(1006));
    let answer = Buffer.alloc(0);
    while (!answer.includes(END_OF_HEAD)) {
      const [chunk] = (await once(tcp, "data")) as [Buffer];
      answer = Buffer.concat([answer, chunk]);
    }
    const end = answer.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
    if (!answer.toString("latin1", 0, 12).endsWith("101")) throw new Error(answer.toString("utf8", 0, end));
    const first = answer.subarray(end);
    // Not before the caller has set its callbacks.
    setImmediate(() => {
      tcp.on("data", (chunk) => socket.#read(chunk));
      if (first.length > 0) socket.#read(first);
    });
    return socket;
  }

  send(...texts: string[]): void {
    this.tcp.write(texts.length === 1 ? maskedFrame(texts[0] ?? "") : Buffer.concat(texts.map(maskedFrame)));
  }

  /** The next text frame that begins so. */
  got(beginning: string): Promise<string> {
    const { onText, onClose } = this;
    return new Promise((resolve, reject) => {
      this.onText = (payload) => {
        const text = payload.toString();
        if (!text.startsWith(beginning))
          return text.startsWith('{"op":"error"') ? reject(new Error(text)) : undefined;
        Object.assign(this, { onText, onClose });
        resolve(text);
      };
      this.onClose = (code) => reject(new Error(`closed with ${code}`));
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let at = 0;
    while (at + 2 <= bytes.length) {
      const short = (bytes[at + 1] ?? 0) & 0x7f;
      const header = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (at + header > bytes.length) break;
      const length =
        short === 127 ? bytes.readUIntBE(at + 4, 6) : short === 126 ? bytes.readUInt16BE(at + 2) : short;
      const end = at + header + length;
      if (end > bytes.length) break;
      this.#take((bytes[at] ?? 0) & 0xf, bytes.subarray(at + header, end));
      at = end;
    }
    if (at < bytes.length) this.#rest = at === 0 ? bytes : bytes.subarray(at);
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.onText(payload);
    else if (opcode === PING) this.tcp.write(PONG);
    else if (opcode === CLOSE) {
      this.onClose(payload.length < 2 ? 1005 : payload.readUInt16BE(0));
      this.tcp.destroy();
    }
  }
}

/** The mask is zero, and so the payload as it is. */
function maskedFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const long = length > 125;
  const frame = Buffer.alloc((long ? 8 : 6) + length);
  frame[0] = 0x80 | TEXT;
  frame[1] = 0x80 | (long ? 126 : length);
  if (long) frame.writeUInt16BE(length, 2);
  frame.write(text, long ? 8 : 6);
  return frame;
}

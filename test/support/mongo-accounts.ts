// A server that signs clients in as MongoDB does (with PLAIN) and takes every other command for done. The server that the other
// tests run against has no users.
import { createServer, type Socket } from "node:net";
import mongoose from "mongoose";

const { BSON } = mongoose.mongo;
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER = 16;

export interface SignInServer {
  /** For the user `veche` with the password `right`. */
  url: string;
  /** What it takes; undefined while there is no such user. */
  password: string | undefined;
  /** What it answers those whom it does not know. */
  refusal: object;
  /** How many times it refused. */
  refused: number;
  close(): void;
}

export async function startSignInServer(): Promise<SignInServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    let kept = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      kept = Buffer.concat([kept, bytes]);
      while (kept.length >= HEADER && kept.length >= kept.readInt32LE(0)) {
        const length = kept.readInt32LE(0);
        socket.write(answer(kept.subarray(0, length), accounts));
        kept = kept.subarray(length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const accounts: SignInServer = {
    url: `mongodb://veche:right@127.0.0.1:${port}/veche?authMechanism=PLAIN&authSource=$external`,
    password: undefined,
    refusal: { ok: 0, code: 18, codeName: "AuthenticationFailed", errmsg: "Authentication failed." },
    refused: 0,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return accounts;
}

function answer(message: Buffer, accounts: SignInServer): Buffer {
  const id = message.readInt32LE(4);
  if (message.readInt32LE(12) === OP_QUERY) {
    const afterName = message.indexOf(0, HEADER + 4) + 1;
    const body = BSON.serialize(outcome(BSON.deserialize(message.subarray(afterName + 8)), accounts));
    const fields = Buffer.alloc(20);
    fields.writeInt32LE(1, 16);
    return framed(id, OP_REPLY, fields, body);
  }
  const start = HEADER + 5;
  const command = BSON.deserialize(message.subarray(start, start + message.readInt32LE(start)));
  return framed(id, OP_MSG, Buffer.alloc(5), BSON.serialize(outcome(command, accounts)));
}

function framed(answering: number, kind: number, ...parts: Uint8Array[]): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeInt32LE(HEADER + parts.reduce((sum, { length }) => sum + length, 0), 0);
  header.writeInt32LE(answering, 8);
  header.writeInt32LE(kind, 12);
  return Buffer.concat([header, ...parts]);
}

function outcome(command: Record<string, unknown>, accounts: SignInServer): object {
  const [name = ""] = Object.keys(command);
  if (/^(hello|ismaster)$/i.test(name)) {
    return {
      ok: 1,
      helloOk: true,
      isWritablePrimary: true,
      ismaster: true,
      maxWireVersion: 21,
      minWireVersion: 0,
      ...LIMITS,
    };
  }
  if (name !== "saslStart") return { ok: 1 };
  const { payload } = command as { payload: { buffer: Uint8Array; position: number } };
  const [, user, password] = Buffer.from(payload.buffer.subarray(0, payload.position)).toString().split("\0");
  if (user === "veche" && password === accounts.password) {
    return { ok: 1, conversationId: 1, done: true, payload: new BSON.Binary(Buffer.alloc(0)) };
  }
  accounts.refused++;
  return accounts.refusal;
}

const LIMITS = { maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 };

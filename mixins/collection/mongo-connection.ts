/** The process's one connection to MongoDB: opened for the first collection, closed with the last. */

import MongooseAdapter from "moleculer-db-adapter-mongoose";
import mongoose, { type ConnectOptions, type Model } from "mongoose";
import type { Logger } from "./definition.ts";
import type { Document } from "./document.ts";
import { isPassing, isSignInRefused } from "./mongo-errors.ts";

/** Milliseconds after which an operation is given up: on the server, and a little later on the socket. */
export const OPERATION_TIMEOUT_MS = 10_000;

/** An outage answers within `serverSelectionTimeoutMS`, well before a request's deadline. */
const CONNECT: ConnectOptions = {
  serverSelectionTimeoutMS: 3_000,
  connectTimeoutMS: 3_000,
  socketTimeoutMS: OPERATION_TIMEOUT_MS + 2_000,
  waitQueueTimeoutMS: 3_000,
  heartbeatFrequencyMS: 2_000,
  writeConcern: { w: "majority", j: true, wtimeoutMS: OPERATION_TIMEOUT_MS },
  readConcern: { level: "majority" },
  readPreference: "primary",
  ignoreUndefined: true,
  autoIndex: false,
  autoCreate: false,
  // Fails at once instead of keeping what is asked for until the database comes back.
  bufferCommands: false,
};
const RETRY_MS = 500;
const LOG_EVERY_MS = 10_000;
const ABSENT = "MongoDB is not there yet; trying again";
const REFUSED =
  "MongoDB refuses the user or the password in MONGO_URL; trying again. Make that user, or give it that password, in MongoDB; or correct MONGO_URL and start anew";

type DriverCollection = ReturnType<typeof mongoose.mongo.Db.prototype.collection<Document>>;

export interface MongoConnection {
  collection: DriverCollection;
  release(): Promise<void>;
}

let users = 0;
let connectedTo: string | undefined;
/** One connects or closes at a time: Mongoose's one connection would not stand more. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(task: () => Promise<T>): Promise<T> {
  const result = turn.then(task);
  turn = result.catch(() => {});
  return result;
}

/**
 * Tries until the database is there, and logs that it is waiting. Once connected the driver reconnects by itself.
 * @param signal ends the trying: rejects with its reason
 * @throws Error for what will not pass: a wrong URL, no permission for the database, another URL than the process is connected to
 */
export async function connectMongo(
  url: string,
  name: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<MongoConnection> {
  let logged = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    try {
      const connection = await inTurn(() => acquire(url, name, logger, signal));
      if (!signal.aborted) return connection;
      await connection.release();
    } catch (error) {
      signal.throwIfAborted();
      const cause = mongooseCause(error);
      if (!isPassing(cause)) throw cause;
      if (performance.now() - logged >= LOG_EVERY_MS) {
        logged = performance.now();
        logger.warn(isSignInRefused(cause) ? REFUSED : ABSENT, (cause as Error).message);
      }
      await pause(RETRY_MS, signal);
    }
  }
}

async function acquire(
  url: string,
  name: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<MongoConnection> {
  signal.throwIfAborted();
  if (users > 0 && connectedTo !== url) throw new Error("a process connects to one MongoDB only");
  const adapter = new MongooseAdapter(url, CONNECT);
  // The adapter takes a service only for its model and its logger. It would log a line for each collection.
  const service = { schema: { model: modelOf(name) }, settings: {}, logger: quieter(logger, users === 0) };
  adapter.init(undefined as never, service as never);
  // Each collection's adapter listens to the one connection.
  mongoose.connection.setMaxListeners(0);
  // Connected here, since the adapter's own error hides why.
  if (users === 0) await mongoose.connect(url, CONNECT);
  // The adapter would make a second connection in place of the one that others use. The driver is reconnecting that.
  else if (mongoose.connection.readyState !== mongoose.ConnectionStates.connected) {
    throw new mongoose.mongo.MongoNetworkError("the connection is down");
  }
  await adapter.connect();
  users++;
  connectedTo = url;
  let released = false;
  return {
    // The driver's collection, not the model: it takes and gives plain objects, and casts and drops nothing.
    collection: (adapter.db as unknown as { collection(name: string): DriverCollection }).collection(name),
    release: () => {
      if (released) return Promise.resolve();
      released = true;
      return inTurn(async () => {
        users--;
        if (users > 0) return;
        connectedTo = undefined;
        for (const event of ["disconnected", "error", "reconnected"]) {
          mongoose.connection.removeAllListeners(event);
        }
        await mongoose.disconnect();
      });
    },
  };
}

function modelOf(name: string): Model<unknown> {
  const schema = { _id: String };
  return (
    (mongoose.models[name] as Model<unknown> | undefined) ??
    (mongoose.model(
      name,
      new mongoose.Schema(schema, {
        collection: name,
        strict: false,
        strictQuery: false,
        minimize: false,
        versionKey: false,
        autoIndex: false,
        autoCreate: false,
        bufferCommands: false,
        id: false,
      }),
    ) as unknown as Model<unknown>)
  );
}

function quieter(logger: Logger, first: boolean): Logger {
  const silent = () => {};
  // Which of the driver's errors matter shows in the operations; the rest is said once, not for each collection.
  return first ? { ...bound(logger) } : { debug: silent, info: silent, warn: silent, error: silent };
}

const bound = (logger: Logger): Logger => ({
  debug: (...message) => logger.debug(...message),
  info: (...message) => logger.info(...message),
  warn: (...message) => logger.warn(...message),
  error: (...message) => logger.error(...message),
});

/** Mongoose wraps the driver's error of server selection in one of its own. */
function mongooseCause(error: unknown): unknown {
  if (error instanceof mongoose.Error.MongooseServerSelectionError) {
    return new mongoose.mongo.MongoNetworkError(error.message);
  }
  return error;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

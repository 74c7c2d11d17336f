// NATS, Redis, a MongoDB-compatible server and one for Google Cloud Storage as real processes on loopback.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import mongoose from "mongoose";
import { freePort } from "./ports.ts";
import { answersWith, type ServerHandle, type ServerOptions, startServer } from "./server.ts";

export type { ServerHandle, ServerOptions } from "./server.ts";

export interface NatsOptions extends ServerOptions {
  user?: string;
  password?: string;
  /** More arguments of the program. */
  args?: string[];
}

/** NATS with JetStream, its streams in files. */
export function startNats({
  directory,
  user,
  password = "",
  args = [],
}: NatsOptions = {}): Promise<ServerHandle> {
  const credentials =
    user === undefined ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  // The name tells our server from another one that took the port.
  const id = randomBytes(6).toString("hex");
  const greeting = new RegExp(`^INFO .*"server_name":"${id}".*\r\n`);
  return startServer({
    name: "nats",
    directory,
    program: "nats-server",
    args: (port, data) => [
      ...["-a", "127.0.0.1", "-p", String(port), "-n", id, "-js", "-sd", data],
      ...(user === undefined ? [] : ["--user", user, "--pass", password]),
      ...args,
    ],
    url: (port) => `nats://${credentials}127.0.0.1:${port}`,
    answers: (port) => answersWith(greeting, port),
  });
}

/** Three servers that keep streams together. */
export async function startNatsCluster(): Promise<{ servers: ServerHandle[]; url: string }> {
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    routes.map((route) =>
      startNats({ args: ["--cluster_name", "test", "--cluster", route, "--routes", routes.join()] }),
    ),
  );
  return { servers, url: servers.map(({ url }) => url).join() };
}

export interface RedisOptions extends ServerOptions {
  password?: string;
  /** More arguments of the program. */
  args?: string[];
  /** Whether the data outlive a kill; by default Redis forgets them. */
  persistent?: boolean;
}

export function startRedis(options: RedisOptions = {}): Promise<ServerHandle> {
  const { directory, password, persistent = false, args = [] } = options;
  const credentials = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  const login = password === undefined ? "" : `AUTH ${password}\r\n`;
  return startServer({
    name: "redis",
    directory,
    program: "redis-server",
    args: (port, data) => [
      ...["--bind", "127.0.0.1", "--port", String(port), "--dir", data, "--save", ""],
      ...(persistent ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]),
      ...(password === undefined ? [] : ["--requirepass", password]),
      ...args,
    ],
    url: (port) => `redis://${credentials}127.0.0.1:${port}`,
    answers: (port, { pid }) =>
      answersWith(
        new RegExp(`\\+PONG[\\s\\S]*process_id:${pid}\r\n`),
        port,
        `${login}PING\r\nINFO server\r\n`,
      ),
  });
}

/**
 * Google Cloud Storage's API, by fake-gcs-server: its objects are files and stay when it is killed. The bucket is there when it
 * answers.
 */
export function startGcs({ directory, bucket = "veche" }: ServerOptions & { bucket?: string } = {}) {
  const url = (port: number) => `http://127.0.0.1:${port}`;
  return startServer({
    name: "gcs",
    directory,
    program: join(target, "bin", "fake-gcs-server"),
    args: (port, data) => [
      ...["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-log-level", "warn"],
      ...["-backend", "filesystem", "-filesystem-root", data, "-public-host", `127.0.0.1:${port}`],
    ],
    url,
    answers: async (port) => {
      const buckets = `${url(port)}/storage/v1/b`;
      const headers = { "content-type": "application/json", connection: "close" };
      const body = JSON.stringify({ name: bucket });
      await (await fetch(buckets, { method: "POST", headers, body })).arrayBuffer();
      return (await fetch(`${buckets}/${bucket}`, { headers: { connection: "close" } })).ok;
    },
  });
}

const target = fileURLToPath(new URL("target", import.meta.url));

/**
 * A server that speaks MongoDB's protocol and has every write in a file before it answers. With `TEST_MONGO_URL`, a
 * fresh database on that server instead, which cannot be killed or started again.
 */
export async function startMongo({ directory }: ServerOptions = {}): Promise<ServerHandle> {
  if (process.env.TEST_MONGO_URL) return databaseOn(process.env.TEST_MONGO_URL);
  return startServer({
    name: "mongo",
    directory,
    program: "java",
    args: (port, data) => [
      ...["-Xmx512m", "-XX:+UseSerialGC", "-cp", `${target}/classes:${target}/dependency/*`],
      ...["DurableMongo", String(port), join(data, "mongo.mv")],
    ],
    url: (port) => `mongodb://127.0.0.1:${port}/veche`,
    answers: async (port, child) => child.logSinceStart().includes(`listening on ${port}\n`),
  });
}

function databaseOn(server: string): ServerHandle {
  const name = `veche_test_${randomBytes(6).toString("hex")}`;
  // Not `new URL`: it refuses the several hosts of a replica set.
  const url = server.replace(/^([^/]+\/\/[^/?]+)(\/[^?]*)?/, `$1/${name}`);
  const refuse = (): never => {
    throw new Error("The MongoDB of TEST_MONGO_URL is not the tests' own: they cannot stop or start it.");
  };
  const drop = async () => {
    const connection = await mongoose.createConnection(url, { serverSelectionTimeoutMS: 5000 }).asPromise();
    await connection.dropDatabase();
    await connection.close();
  };
  return {
    name: "mongo",
    url,
    port: Number(/:(\d+)(?=[/?,]|$)/.exec(server)?.[1] ?? 27017),
    pid: 0,
    running: true,
    exited: new Promise(() => {}),
    kill: async () => refuse(),
    stop: async () => refuse(),
    start: async () => refuse(),
    restart: async () => refuse(),
    signal: refuse,
    log: () => "",
    remove: drop,
  };
}

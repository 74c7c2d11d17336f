/** @jest-environment ./test/servers/environment.ts */
// The harness of the cluster tests itself: its servers keep what they acknowledged, and nothing is left behind.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { connect } from "nats";
import { isAlive } from "../servers/alive.ts";
import { Child } from "../servers/child.ts";
import { type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { freePort } from "../servers/ports.ts";
import { type ServerHandle, startMongo, startNats, startRedis } from "../servers/servers.ts";

const own = process.env.TEST_MONGO_URL ? test.skip : test;

// A stand-in for Veche: says at /readyz what it was started with, and leaves on SIGTERM.
const directory = mkdtempSync(join(tmpdir(), "veche-harness-"));
const program = join(directory, "node.mjs");
writeFileSync(
  program,
  `import { createServer } from "node:http";
   console.log("started as", process.env.SERVICES);
   const answer = (_, response) => response.end(JSON.stringify(process.env));
   for (const port of [process.env.PORT, process.env.HEALTH_PORT]) createServer(answer).listen(port, "127.0.0.1");
   process.on("SIGTERM", () => process.exit(0));`,
);

let servers: ServerHandle[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.remove()));
  servers = [];
});
afterAll(() => rmSync(directory, { recursive: true }));

async function using<T extends ServerHandle>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  servers.push(server);
  return server;
}

describe("NATS", () => {
  test("has after kill -9 every message that its stream acknowledged", async () => {
    const nats = await using(startNats({ user: "veche", password: "secret" }));
    const options = { servers: `127.0.0.1:${nats.port}`, user: "veche", pass: "secret" };
    const before = await connect(options);
    await (await before.jetstreamManager()).streams.add({ name: "EVENTS", subjects: ["events.>"] });
    for (let i = 1; i <= 100; i++) {
      expect((await before.jetstream().publish("events.test", `${i}`)).seq).toBe(i);
    }

    expect(await nats.kill()).toEqual({ code: null, signal: "SIGKILL" });
    await before.close();
    await nats.start();

    const after = await connect(options);
    const stream = await (await after.jetstreamManager()).streams.info("EVENTS");
    expect(stream.state.messages).toBe(100);
    await after.close();
  });

  test("refuses who has not the password", async () => {
    const nats = await using(startNats({ user: "veche", password: "secret" }));
    await expect(connect({ servers: `127.0.0.1:${nats.port}` })).rejects.toThrow(/authorization/i);
  });
});

describe("Redis", () => {
  test("serves who has the password, and forgets on kill -9", async () => {
    const redis = await using(startRedis({ password: "secret" }));
    const client = new Redis(redis.url);
    await client.set("key", "value");
    expect(await client.get("key")).toBe("value");

    await redis.kill();
    await redis.start();

    expect(await client.get("key")).toBeNull();
    client.disconnect();
  });

  test("remembers over kill -9 when it is persistent", async () => {
    const redis = await using(startRedis({ persistent: true }));
    const client = new Redis(redis.url);
    await client.set("key", "value");
    await redis.kill();
    await redis.start();
    expect(await client.get("key")).toBe("value");
    client.disconnect();
  });
});

describe("MongoDB", () => {
  own("has after kill -9 under writers every insert that it acknowledged", async () => {
    const mongo = await using(startMongo());
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const connection = await mongoose
        .createConnection(mongo.url, { serverSelectionTimeoutMS: 2000 })
        .asPromise();
      const items = connection.collection<{ _id: string; n: number }>("items");
      await items.createIndex({ n: 1 }, { unique: true });
      const write = async (writer: number) => {
        for (let i = 0; mongo.running; i++) {
          const n = (round * 8 + writer) * 1_000_000 + i;
          await items.insertOne({ _id: `${n}`, n }, { writeConcern: { w: "majority", j: true } });
          acknowledged.push(`${n}`);
        }
      };
      const writers = Array.from({ length: 8 }, (_, writer) => write(writer).catch(() => {}));
      const sofar = acknowledged.length;
      await eventually(() => acknowledged.length > sofar + 200);
      await mongo.kill();
      await connection.close();
      await Promise.all(writers);
      await mongo.start();
    }

    const connection = await mongoose.createConnection(mongo.url).asPromise();
    const items = connection.collection<{ _id: string; n: number }>("items");
    const kept = new Set((await items.find().toArray()).map(({ _id }) => _id));
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    const last = Number(acknowledged.at(-1));
    expect(await items.findOne({ n: last })).toEqual({ _id: `${last}`, n: last });
    await expect(items.insertOne({ _id: "again", n: last })).rejects.toMatchObject({ code: 11000 });
    await connection.close();
  });

  test("gives each caller a database of its own", async () => {
    const [one, other] = await Promise.all([using(startMongo()), using(startMongo())]);
    expect(one.url).not.toBe(other.url);
  });
});

describe("a server", () => {
  test("that hangs answers again after SIGCONT", async () => {
    const redis = await using(startRedis());
    const client = new Redis(redis.url, { commandTimeout: 200, maxRetriesPerRequest: 0 });
    expect(await client.ping()).toBe("PONG");
    redis.signal("SIGSTOP");
    await expect(client.ping()).rejects.toThrow(/timed out/);
    redis.signal("SIGCONT");
    await eventually(() => client.ping());
    client.disconnect();
  });

  test("whose port was taken first tries another one", async () => {
    const taken = await freePort();
    const thief = createServer().listen(taken, "127.0.0.1");
    let port = 0;
    const child = new Child({
      name: "robbed",
      logFile: join(directory, "robbed.log"),
      command: async () => {
        port = port === 0 ? taken : await freePort();
        const env = { PORT: String(port), HEALTH_PORT: String(await freePort()) };
        return { program: process.execPath, args: [program], env };
      },
      answers: async () => (await fetch(`http://127.0.0.1:${port}`)).ok,
      startWithin: 10_000,
    });
    await child.spawn();
    await child.exited;
    await child.ready();
    expect(child.log()).toContain("EADDRINUSE");
    expect(child.running).toBe(true);
    await child.kill();
    thief.close();
  });

  test("that cannot start says so with its log", async () => {
    const child = new Child({
      name: "broken",
      logFile: join(directory, "broken.log"),
      command: async () => ({
        program: process.execPath,
        args: ["-e", "throw new Error('no luck')"],
        env: {},
      }),
      answers: async () => false,
      startWithin: 10_000,
    });
    await expect(child.start()).rejects.toThrow(/broken ended\. Its log:[\s\S]*no luck/);
  });
});

describe("a cluster", () => {
  test("runs its nodes beside the servers, restarts them on their ports, and leaves nothing behind", async () => {
    const cluster: Cluster = await startCluster({
      nodes: { "gateway-1": ["api"], "auth-1": ["auth", "session"] },
      env: { NAMESPACE: "test" },
      nats: { user: "veche", password: "secret" },
      program,
    });
    const [gateway, auth] = [cluster.node("gateway-1"), cluster.node("auth-1")];
    expect(await (await fetch(gateway.baseUrl)).json()).toMatchObject({
      SERVICES: "api",
      NATS_URL: cluster.nats.url,
      MONGO_URL: cluster.mongo.url,
      REDIS_URL: cluster.redis.url,
      NAMESPACE: "test",
    });
    expect(() => auth.baseUrl).toThrow("auth-1 is no gateway");

    const { healthUrl, pid } = auth;
    expect(await auth.stop()).toEqual({ code: 0, signal: null });
    await auth.start();
    expect(auth.healthUrl).toBe(healthUrl);
    expect(auth.pid).not.toBe(pid);
    expect(auth.log().match(/started as auth,session/g)).toHaveLength(2);

    const logs = cluster.keepLogs();
    expect(readdirSync(logs)).toEqual(expect.arrayContaining(["auth-1.log", "gateway-1.log", "nats.log"]));
    rmSync(logs, { recursive: true });

    const pids = [...cluster.nodes, cluster.nats, cluster.redis].map((child) => child.pid);
    expect(pids.every(isAlive)).toBe(true);
    await cluster.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(cluster.directory)).toBe(false);
  });

  // The guard sees only that the pipe from the tests was closed, and so does not care how they ended.
  test.each(["SIGKILL", "SIGTERM", "SIGINT", "exit"] as const)(
    "is gone after the end of its tests by %s",
    async (end) => {
      const tests = spawn(process.execPath, ["--input-type=module", "-e", TESTS_THAT_DIE], {
        stdio: ["ignore", "pipe", "inherit"],
        env: {
          PATH: process.env.PATH,
          CLUSTER: join(import.meta.dirname, "../servers/cluster.ts"),
          PROGRAM: program,
          END: end,
        },
      });
      const { pids, directory: left } = await firstLine(tests);
      expect(pids.length).toBeGreaterThanOrEqual(3);
      if (end !== "exit") {
        expect(pids.every(isAlive)).toBe(true);
        tests.kill(end);
      }
      await eventually(() => !pids.some(isAlive) && !existsSync(left));
    },
  );
});

const TESTS_THAT_DIE = `
  const { startCluster } = await import(process.env.CLUSTER);
  const cluster = await startCluster({ nodes: { one: ["api"] }, program: process.env.PROGRAM });
  const pids = [...cluster.nodes, cluster.nats, cluster.redis, cluster.mongo].map(({ pid }) => pid).filter(Boolean);
  console.log(JSON.stringify({ pids, directory: cluster.directory }));
  if (process.env.END === "exit") process.exit(1);
  setInterval(() => {}, 1000);
`;

async function firstLine(child: ChildProcess): Promise<{ pids: number[]; directory: string }> {
  if (child.stdout === null) throw new Error("no standard output");
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error("it ended before it said anything");
}

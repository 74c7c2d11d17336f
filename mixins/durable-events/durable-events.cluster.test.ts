/** Durable events on a real NATS server, whatever happens to it. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { AckPolicy, connect, consumerOpts, createInbox, type NatsConnection, nanos } from "nats";
import { loadConfig } from "../../lib/config.ts";
import { newUserId, type UserId } from "../../lib/ids.ts";
import { natsOptions } from "../../lib/nats-options.ts";
import { UserRegistered } from "../../services/auth/auth.contract.ts";
import { Child } from "../../test/servers/child.ts";
import { makeDirectory, removeDirectory } from "../../test/servers/custody.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type ServerHandle, startNats } from "../../test/servers/servers.ts";
import { defineService } from "../service.ts";
import { consume, durableEvents, publish } from "./durable-events.ts";
import type { Patience } from "./patience.ts";

const QUICK: Partial<Patience> = { attempts: 3, firstDelay: 200, maxDelay: 300, ackWait: 2_000 };
const SOON = { within: 30_000 };

let directory: string;
let nats: ServerHandle;
let log: string;
let namespaces = 0;
const brokers: ServiceBroker[] = [];

beforeAll(async () => {
  directory = makeDirectory("durable-events");
  nats = await startNats({ directory, user: "veche", password: "p@ss/word" });
});
afterAll(async () => {
  await nats.remove();
  removeDirectory(directory);
});

beforeEach(() => {
  namespaces++;
  log = "";
});
afterEach(async () => {
  if (!nats.running) await nats.start();
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

const config = () =>
  loadConfig({
    NODE_ENV: "test",
    NATS_URL: nats.url,
    SERVICES: "users",
    MONGO_URL: "mongodb://127.0.0.1/unused",
    NAMESPACE: `test${namespaces}`,
  });

const noteLog = (level: string, args: unknown[]) => {
  log += `${level} ${args.map((arg) => (arg instanceof Error ? arg.stack : String(arg))).join(" ")}\n`;
};

/** One process of the cluster, not started yet. */
function make(nodeID: string, services: ServiceSchema[] = [], patience = QUICK): ServiceBroker {
  const broker = new ServiceBroker({
    nodeID,
    logger: false,
    registry: { stopDelay: 0 },
    middlewares: [{ newLogEntry: noteLog }, durableEvents(config(), patience)],
  });
  for (const service of services) broker.createService(service);
  brokers.push(broker);
  return broker;
}

async function start(...made: Parameters<typeof make>): Promise<ServiceBroker> {
  const broker = make(...made);
  await broker.start();
  return broker;
}

async function stop(broker: ServiceBroker): Promise<void> {
  brokers.splice(brokers.indexOf(broker), 1);
  await broker.stop();
}

type Handler = (payload: { user_id: UserId }) => Promise<unknown>;

const reader = (name: string, handler: Handler): ServiceSchema =>
  defineService({
    name,
    channels: consume<Service>({ "user.registered": { schema: UserRegistered, handler } }),
  });

function notebook() {
  const users: UserId[] = [];
  return { users, note: async ({ user_id }: { user_id: UserId }) => void users.push(user_id) };
}

async function register(broker: ServiceBroker): Promise<UserId> {
  const user_id = newUserId();
  await publish(broker, "user.registered", { user_id });
  return user_id;
}

async function registerMany(broker: ServiceBroker, count: number): Promise<UserId[]> {
  const users: UserId[] = [];
  for (let i = 0; i < count; i++) users.push(await register(broker));
  return users;
}

async function withNats<T>(use: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connect(natsOptions(config(), "test"));
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const deadLetters = () =>
  withNats(async (connection) => {
    const manager = await connection.jetstreamManager();
    const stream = `test${namespaces}_DEAD_EVENTS`;
    const { state } = await manager.streams.info(stream);
    const letters = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
      const letter = await manager.streams.getMessage(stream, { seq });
      letters.push({ payload: letter.json(), group: letter.header.get("x-original-group") });
    }
    return letters;
  });

test("the replicas of a service share the events, and another service gets them all", async () => {
  const [one, two, all] = [notebook(), notebook(), notebook()];
  // At the same time: both find no stream and no consumer.
  const [broker] = await Promise.all([
    start("one", [reader("users", one.note), reader("posts", all.note)]),
    start("two", [reader("users", two.note)]),
  ]);
  const published = await registerMany(broker, 60);
  await eventually(() => one.users.length + two.users.length >= 60 && all.users.length >= 60);
  expect([...one.users, ...two.users].sort()).toEqual(published);
  expect(all.users).toEqual(published);
  expect(one.users.length).toBeGreaterThan(0);
  expect(two.users.length).toBeGreaterThan(0);
});

test("an event that is published while no consumer runs, or ever ran, arrives later", async () => {
  const publisher = await start("publisher");
  const user = await register(publisher);
  const { users, note } = notebook();
  const first = await start("first", [reader("users", note)]);
  await eventually(() => users.length === 1);
  await stop(first);
  const another = await register(publisher);
  await start("second", [reader("users", note)]);
  await eventually(() => users.length === 2);
  expect(users).toEqual([user, another]);
});

test("a handler that fails is tried again after a delay, then its event becomes a dead letter", async () => {
  const calm = notebook();
  const tries: number[] = [];
  const broken = async () => {
    tries.push(Date.now());
    throw new Error("always");
  };
  const broker = await start("one", [reader("broken", broken), reader("calm", calm.note)]);
  const user = await register(broker);
  const letters = await eventually(async () => {
    const found = await deadLetters();
    return found.length > 0 && found;
  }, SOON);
  expect(letters).toEqual([{ payload: { user_id: user }, group: "broken" }]);
  expect(tries).toHaveLength(3);
  // Half of 200 ms, and half of 300.
  expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThanOrEqual(95);
  expect((tries[2] ?? 0) - (tries[1] ?? 0)).toBeGreaterThanOrEqual(145);
  expect(calm.users).toEqual([user]);
  expect(log).toMatch(/warn broken could not handle test\d+\.user\.registered: attempt 1 of 3.*always/s);
});

test("a payload that is not valid is a dead letter at once, and is not logged", async () => {
  const { users, note } = notebook();
  const broker = await start("one", [reader("users", note)]);
  const malformed: unknown = { user_id: ["hunter2"] };
  await publish(broker, "user.registered", malformed as { user_id: UserId });
  const user = await register(broker);
  await eventually(async () => (await deadLetters()).length === 1 && users.length === 1);
  expect(users).toEqual([user]);
  expect(log).toContain("dead letters after 1 attempt(s)");
  expect(log).not.toContain("hunter2");
});

test("a handler that takes longer than the server waits is not run a second time meanwhile", async () => {
  let runs = 0;
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow = async () => {
    runs++;
    await gate;
  };
  const patience = { ...QUICK, ackWait: 500 };
  const broker = await start("one", [reader("slow", slow)], patience);
  await register(broker);
  await eventually(() => runs === 1);
  // Another consumer, which does nothing, sees the event again and again.
  await withNats(async (connection) => {
    let deliveries = 0;
    const options = consumerOpts({ ack_wait: nanos(500), ack_policy: AckPolicy.Explicit });
    options.deliverTo(createInbox());
    options.manualAck();
    options.callback(() => deliveries++);
    await connection.jetstream().subscribe(`test${namespaces}.user.registered`, options);
    await eventually(() => deliveries === 4);
  });
  expect(runs).toBe(1);
  const stopped = stop(broker);
  finish();
  await stopped;
});

test("while NATS is down publishing fails fast; what was published before its kill -9 is still delivered", async () => {
  const publisher = await start("publisher");
  const { users, note } = notebook();
  const idle = await start("idle", [reader("posts", note)]);
  const before = await registerMany(publisher, 50);
  await nats.kill();
  await eventually(async () => {
    const asked = performance.now();
    const failure = await register(publisher).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ type: "UNAVAILABLE" });
    return performance.now() - asked < 50;
  });
  // Many at once don't pile up.
  const asked = performance.now();
  await Promise.allSettled(Array.from({ length: 500 }, () => register(publisher)));
  expect(performance.now() - asked).toBeLessThan(500);

  await nats.start();
  const after = await eventually(() => register(publisher), SOON);
  const late = notebook();
  await start("late", [reader("users", late.note)]);
  await eventually(() => new Set(late.users).size === 51, SOON);
  expect([...new Set(late.users)].sort()).toEqual([...before, after]);
  // Who was subscribed all the time goes on by itself.
  await eventually(() => new Set(users).size === 51, SOON);
  await stop(idle);
});

test("a NATS server that comes back without its data gets streams and consumers again", async () => {
  const { users, note } = notebook();
  const broker = await start("one", [reader("users", note)]);
  await register(broker);
  await eventually(() => users.length === 1);
  await nats.kill();
  rmSync(join(directory, "nats"), { recursive: true });
  await nats.start();
  const user = await eventually(() => register(broker), SOON);
  await eventually(() => users.includes(user), SOON);
});

test("a connection that the client gave up is made anew", async () => {
  const { users, note } = notebook();
  const broker = await start("one", [reader("users", note)]);
  await (
    broker as unknown as { channelAdapter: { connection: NatsConnection } }
  ).channelAdapter.connection.close();
  await eventually(() => register(broker));
  await eventually(() => users.length === 1);
});

test("what a process was handling when it was killed is given to another one", async () => {
  const notes = join(directory, "notes");
  const lines = (what: string) =>
    existsSync(notes)
      ? readFileSync(notes, "utf8")
          .split("\n")
          .filter((line) => line.startsWith(what))
          .map((line) => line.slice(what.length))
      : [];
  const child = new Child({
    name: "killed",
    logFile: join(directory, "killed.log"),
    command: async () => ({
      program: process.execPath,
      args: [join(import.meta.dirname, "killed.fixture.ts"), directory, notes, "200"],
      env: { NATS_URL: nats.url, NAMESPACE: `test${namespaces}` },
    }),
    answers: async () => true,
    startWithin: 10_000,
  });
  await child.spawn();
  await eventually(() => lines("handled ").length >= 20 && lines("published ").length >= 100, SOON);
  await child.kill();
  const { users, note } = notebook();
  await start("other", [reader("reader", note)]);
  const handled = () => new Set<string>([...users, ...lines("handled ")]);
  await eventually(() => lines("published ").every((user) => handled().has(user)), SOON);
  expect(users.length).toBeGreaterThan(0);
});

test("a server that hangs doesn't hold publishers for long", async () => {
  const broker = await start("one");
  await register(broker);
  nats.signal("SIGSTOP");
  try {
    // It may answer once more before it hangs.
    await eventually(async () => {
      const asked = performance.now();
      await expect(register(broker)).rejects.toMatchObject({ type: "UNAVAILABLE" });
      expect(performance.now() - asked).toBeLessThan(3_000);
    });
  } finally {
    nats.signal("SIGCONT");
  }
  await eventually(() => register(broker), SOON);
});

test("a process that starts before NATS waits for it", async () => {
  await nats.stop();
  const { users, note } = notebook();
  const broker = make("early", [reader("users", note)]);
  const ready = broker.start();
  await eventually(() => log.includes("Could not reach JetStream"));
  await expect(register(broker)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  await nats.start();
  await ready;
  await register(broker);
  await eventually(() => users.length === 1);
});

test("a process that waits for NATS can be stopped", async () => {
  await nats.stop();
  const broker = make("early", [reader("users", async () => {})]);
  const ready = broker.start();
  await eventually(() => log.includes("Could not reach JetStream"));
  await stop(broker);
  await ready;
});

test("a process can be stopped while NATS is down", async () => {
  const broker = await start("one", [reader("users", async () => {})]);
  await nats.kill();
  await eventually(() => log.includes("NATS is away"));
  const asked = performance.now();
  await stop(broker);
  expect(performance.now() - asked).toBeLessThan(1_500);
});

test("a stop waits for handlers that run", async () => {
  let entered = false;
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let handled = 0;
  const slow = async () => {
    entered = true;
    await gate;
    handled++;
  };
  const broker = await start("one", [reader("slow", slow)]);
  await registerMany(broker, 3);
  await eventually(() => entered);
  const stopped = stop(broker);
  setImmediate(finish);
  await stopped;
  const done = handled;
  const { users, note } = notebook();
  await start("two", [reader("slow", note)]);
  await eventually(() => users.length + done === 3, SOON);
});

/** Durable events of a process by itself. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Context, type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../lib/config.ts";
import type { DurableEvents } from "../../lib/contract.ts";
import { newUserId, type UserId } from "../../lib/ids.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { UserRegistered } from "../../services/auth/auth.contract.ts";
import { Child } from "../../test/servers/child.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { openCollection } from "../collection/collection.ts";
import { provideRuntime } from "../runtime.ts";
import { defineService } from "../service.ts";
import { consume, durableEvents, publish } from "./durable-events.ts";
import { deadEvents, durableEvents as pendingEvents } from "./embedded.ts";
import type { Patience } from "./patience.ts";

const QUICK: Partial<Patience> = { attempts: 3, firstDelay: 10, maxDelay: 40 };

let dataDir: string;
const brokers: ServiceBroker[] = [];
let log: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "veche-events-"));
  log = "";
});

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(services: ServiceSchema[], patience: Partial<Patience> = QUICK): Promise<ServiceBroker> {
  const config = loadConfig({ NODE_ENV: "test" });
  const broker = new ServiceBroker({
    logger: false,
    registry: { stopDelay: 0 },
    middlewares: [{ newLogEntry: noteLog }, durableEvents(config, patience)],
  });
  provideRuntime(broker, {
    config,
    keys: secretKeyRing("a secret of the tests"),
    database: { dataDir, checkQueries: true },
  });
  for (const service of services) broker.createService(service);
  await broker.start();
  brokers.push(broker);
  return broker;
}

const noteLog = (level: string, args: unknown[]) => {
  log += `${level} ${args.map((arg) => (arg instanceof Error ? arg.stack : String(arg))).join(" ")}\n`;
};

async function stop(broker: ServiceBroker): Promise<void> {
  brokers.splice(brokers.indexOf(broker), 1);
  await broker.stop();
}

type Handler = (payload: DurableEvents["user.registered"], ctx: Context) => Promise<unknown>;

const reader = (name: string, handler: Handler): ServiceSchema =>
  defineService({
    name,
    channels: consume<Service>({ "user.registered": { schema: UserRegistered, handler } }),
  });

/** A handler that only notes. */
function notebook() {
  const users: UserId[] = [];
  return { users, note: async ({ user_id }: { user_id: UserId }) => void users.push(user_id) };
}

const register = async (broker: ServiceBroker): Promise<UserId> => {
  const user_id = newUserId();
  await publish(broker, "user.registered", { user_id });
  return user_id;
};

/** What is kept, after the process has stopped. */
async function kept(definition: typeof deadEvents) {
  const collection = await openCollection(definition, { dataDir }, console);
  const documents = await collection.page({ prefix: "", limit: 1000 });
  await collection.close();
  return documents;
}

test("every service that consumes an event gets it, in the order of publishing, and then it is struck off", async () => {
  const users = notebook();
  const posts = notebook();
  const broker = await start([reader("users", users.note), reader("posts", posts.note)]);
  const published = [await register(broker), await register(broker), await register(broker)];
  await eventually(() => users.users.length === 3 && posts.users.length === 3);
  expect([users.users, posts.users]).toEqual([published, published]);
  await stop(broker);
  expect(await kept(pendingEvents)).toEqual([]);
});

test("an event that nobody here consumes waits for a process that runs its consumer", async () => {
  const first = await start([]);
  const user = await register(first);
  await stop(first);
  const { users, note } = notebook();
  await start([reader("users", note)]);
  await eventually(() => users.length === 1);
  expect(users).toEqual([user]);
});

test("a service may publish while it starts, and all that start with it get the event", async () => {
  const { users, note } = notebook();
  const early: ServiceSchema = {
    name: "early",
    async started(this: Service) {
      await register(this.broker);
    },
  };
  await start([early, reader("late", note)]);
  await eventually(() => users.length === 1);
});

test("a handler that fails is tried again, while the other consumers are done", async () => {
  const calm = notebook();
  const tries: UserId[] = [];
  const flaky: Handler = async ({ user_id }) => {
    tries.push(user_id);
    if (tries.length < 3) throw new Error("the database is away");
  };
  const broker = await start([reader("flaky", flaky), reader("calm", calm.note)]);
  const user = await register(broker);
  await eventually(() => tries.length === 3);
  expect(tries).toEqual([user, user, user]);
  expect(calm.users).toEqual([user]);
  expect(log).toMatch(
    /warn flaky could not handle veche\.user\.registered: attempt 2 of 3.*the database is away/s,
  );
  await stop(broker);
  expect([await kept(pendingEvents), await kept(deadEvents)]).toEqual([[], []]);
});

test("after the last attempt the event becomes a dead letter", async () => {
  let tries = 0;
  const broken = async () => {
    tries++;
    throw new Error("always");
  };
  const broker = await start([reader("broken", broken)]);
  const user = await register(broker);
  await eventually(() => log.includes("goes to the dead letters after 3 attempt(s)"));
  await stop(broker);
  expect(tries).toBe(3);
  expect(await kept(pendingEvents)).toEqual([]);
  const payload = JSON.stringify({ user_id: user });
  const letter = { channel: "veche.user.registered", group: "broken", attempts: 3, payload };
  expect(await kept(deadEvents)).toMatchObject([letter]);
});

test("a payload that is not valid is a dead letter at once, and is not logged", async () => {
  const { users, note } = notebook();
  const broker = await start([reader("users", note)]);
  // As another version of the publisher might.
  const malformed: unknown = { user_id: ["hunter2"] };
  await publish(broker, "user.registered", malformed as { user_id: UserId });
  const user = await register(broker);
  await eventually(() => users.length === 1 && log.includes("dead letters after 1 attempt(s)"));
  expect(users).toEqual([user]);
  expect(log).toContain("user_id: invalid_type");
  expect(log).not.toContain("hunter2");
  await stop(broker);
  expect(await kept(deadEvents)).toHaveLength(1);
});

test("a handler that hangs counts as failed", async () => {
  const broker = await start([reader("stuck", () => new Promise(() => {}))], {
    ...QUICK,
    attempts: 1,
    handlerTimeout: 20,
  });
  await register(broker);
  await eventually(() => log.includes("did not finish within 20 ms"));
  await stop(broker);
  expect(await kept(deadEvents)).toHaveLength(1);
});

test("no more than so many events of a kind are handled at the same time", async () => {
  let running = 0;
  let most = 0;
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const broker = await start(
    [
      reader("slow", async () => {
        running++;
        most = Math.max(most, running);
        await gate;
        running--;
      }),
    ],
    { ...QUICK, maxInFlight: 2 },
  );
  for (let i = 0; i < 6; i++) await register(broker);
  await eventually(() => running === 2);
  finish();
  await eventually(() => running === 0);
  await stop(broker);
  expect(most).toBe(2);
  expect(await kept(pendingEvents)).toEqual([]);
});

test("a stop waits for handlers that run, and what failed before it is tried again after the next start", async () => {
  let entered = false;
  let finished = false;
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const slow: Handler = async () => {
    entered = true;
    await gate;
    finished = true;
  };
  const failing: Handler = () => Promise.reject(new Error("later"));
  const patient = { ...QUICK, attempts: 9, firstDelay: 60_000, maxDelay: 60_000 };
  const first = await start([reader("slow", slow), reader("failing", failing)], patient);
  const user = await register(first);
  await eventually(() => entered && log.includes("attempt 1 of 9"));
  const stopped = stop(first);
  setImmediate(finish);
  await stopped;
  expect(finished).toBe(true);

  const again = notebook();
  const slowAgain = notebook();
  await start([reader("slow", slowAgain.note), reader("failing", again.note)]);
  await eventually(() => again.users.length === 1);
  expect(again.users).toEqual([user]);
  expect(slowAgain.users).toEqual([]);
});

test("what is published while services stop one by one is kept for those that have stopped", async () => {
  const { note } = notebook();
  const last: ServiceSchema = {
    name: "last",
    async stopped(this: Service) {
      await eventually(() => log.includes("'quick' stopped"));
      await register(this.broker);
    },
  };
  const first = await start([reader("quick", note), reader("other", note), last]);
  await stop(first);
  const quick = notebook();
  const other = notebook();
  await start([reader("quick", quick.note), reader("other", other.note)]);
  await eventually(() => quick.users.length === 1 && other.users.length === 1);
});

test("the handler's context carries the trace of the request that published", async () => {
  let requestId: string | null | undefined;
  const broker = await start([
    reader("users", async (_payload, ctx) => {
      requestId = ctx.requestID;
    }),
  ]);
  const ctx = new Context(broker);
  ctx.requestID = "trace-1";
  await publish(ctx, "user.registered", { user_id: newUserId() });
  await eventually(() => requestId !== undefined);
  expect(requestId).toBe("trace-1");
});

test("a process killed in the midst of its work goes on with it when it starts again", async () => {
  const notes = join(dataDir, "notes");
  const lines = (what: string) =>
    existsSync(notes)
      ? readFileSync(notes, "utf8")
          .split("\n")
          .filter((line) => line.startsWith(what))
          .map((line) => line.slice(what.length))
      : [];
  const run = async (count: number) => {
    const program = join(import.meta.dirname, "killed.fixture.ts");
    const child = new Child({
      name: "killed",
      logFile: join(dataDir, "killed.log"),
      command: async () => ({
        program: process.execPath,
        args: [program, dataDir, notes, String(count)],
        env: {},
      }),
      answers: async () => true,
      startWithin: 10_000,
    });
    await child.spawn();
    return child;
  };

  for (let round = 0; round < 3; round++) {
    const before = lines("handled ").length;
    const child = await run(10_000);
    await eventually(() => lines("handled ").length >= before + 20);
    await child.kill();
  }
  expect(lines("published ").length).toBeGreaterThan(new Set(lines("handled ")).size);

  const child = await run(0);
  await eventually(() => {
    const handled = new Set(lines("handled "));
    return lines("published ").every((user) => handled.has(user));
  });
  await child.kill();
});

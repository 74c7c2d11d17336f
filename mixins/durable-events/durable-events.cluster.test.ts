import { expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { AckPolicy, connect, consumerOpts, createInbox, type NatsConnection, nanos } from "nats";
import type { UserId } from "../../lib/ids.ts";
import { natsOptions } from "../../lib/nats-options.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { config, log, namespaces, QUICK, SOON, start, stop } from "../../test/support/durable-events.ts";
import { gate, notebook, reader, register, registerWrongly } from "./fixture.ts";

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
  expect(log.text).toMatch(/warn broken could not handle test\d+\.user\.registered: attempt 1 of 3.*always/s);
});

test("a payload that is not valid is a dead letter at once, and is not logged", async () => {
  const { users, note } = notebook();
  const broker = await start("one", [reader("users", note)]);
  await registerWrongly(broker, "hunter2");
  const user = await register(broker);
  await eventually(async () => (await deadLetters()).length === 1 && users.length === 1);
  expect(users).toEqual([user]);
  expect(log.text).toContain("dead letters after 1 attempt(s)");
  expect(log.text).not.toContain("hunter2");
});

test("a handler that takes longer than the server waits is not run a second time meanwhile", async () => {
  let runs = 0;
  const { open, opened } = gate();
  const slow = async () => {
    runs++;
    await opened;
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
  open();
  await stopped;
});

test("a stop waits for handlers that run", async () => {
  let entered = false;
  const { open, opened } = gate();
  let handled = 0;
  const slow = async () => {
    entered = true;
    await opened;
    handled++;
  };
  const broker = await start("one", [reader("slow", slow), reader("quick", async () => {})]);
  await registerMany(broker, 3);
  await eventually(() => entered);
  const stopped = stop(broker);
  await eventually(() => log.text.includes("'quick' stopped"));
  expect(log.text).not.toContain("'slow' stopped");
  open();
  await stopped;
  const done = handled;
  const { users, note } = notebook();
  await start("two", [reader("slow", note)]);
  await eventually(() => users.length + done === 3, SOON);
});

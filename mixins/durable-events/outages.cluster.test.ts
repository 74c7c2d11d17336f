/** Durable events, whatever happens to the NATS server and to the processes. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import type { UserId } from "../../lib/ids.ts";
import { Child } from "../../test/servers/child.ts";
import { eventually } from "../../test/servers/eventually.ts";
import {
  directory,
  log,
  make,
  namespaces,
  nats,
  SOON,
  start,
  stop,
} from "../../test/support/durable-events.ts";
import { notebook, reader, readNotes, register } from "./fixture.ts";

async function registerMany(broker: ServiceBroker, count: number): Promise<UserId[]> {
  const users: UserId[] = [];
  for (let i = 0; i < count; i++) users.push(await register(broker));
  return users;
}

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
  await eventually(
    () => readNotes(notes, "handled").length >= 20 && readNotes(notes, "published").length >= 100,
    SOON,
  );
  await child.kill();
  const { users, note } = notebook();
  await start("other", [reader("reader", note)]);
  const handled = () => new Set<string>([...users, ...readNotes(notes, "handled")]);
  await eventually(() => readNotes(notes, "published").every((user) => handled().has(user)), SOON);
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
  await eventually(() => log.text.includes("Could not reach JetStream"));
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
  await eventually(() => log.text.includes("Could not reach JetStream"));
  await stop(broker);
  await ready;
});

test("a process can be stopped while NATS is down", async () => {
  const broker = await start("one", [reader("users", async () => {})]);
  await nats.kill();
  await eventually(() => log.text.includes("NATS is away"));
  const asked = performance.now();
  await stop(broker);
  expect(performance.now() - asked).toBeLessThan(1_500);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import type { Service } from "moleculer";
import { Child } from "../../test/servers/child.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { defineService } from "../service.ts";
import { gate, notebook, reader, readNotes, register } from "./fixture.ts";
import { QUICK, useHome } from "./home.fixture.ts";

const home = useHome();
const { start, stop } = home;

test("an event that nobody here consumes waits for a process that runs its consumer", async () => {
  const first = await start([]);
  const user = await register(first);
  await stop(first);
  const { users, note } = notebook();
  await start([reader("users", note)]);
  await eventually(() => users.length === 1);
  expect(users).toEqual([user]);
});

test("but not for ever: a process that runs on drops it, and nothing that is tried again", async () => {
  const failing = () => Promise.reject(new Error("later"));
  const patient = { ...QUICK, attempts: 9, firstDelay: 60_000, maxDelay: 60_000, keptFor: 300 };
  const first = await start([], patient);
  const user = await register(first);
  const kept = () => readFileSync(join(home.dataDir, "durable_events.db"), "utf8");
  await eventually(() => kept().includes("$$deleted"));
  await stop(first);
  const second = await start([reader("failing", failing)], patient);
  const another = await register(second);
  await eventually(() => home.log.text.includes("attempt 1 of 9"));
  await sleep(1_000);
  await stop(second);
  const { users, note } = notebook();
  await start([reader("failing", note)]);
  await eventually(() => users.length === 1);
  expect([users, users.includes(user)]).toEqual([[another], false]);
});

test("a stop waits for handlers that run, and what failed before it is tried again after the next start", async () => {
  let entered = false;
  let finished = false;
  const { open, opened } = gate();
  const slow = async () => {
    entered = true;
    await opened;
    finished = true;
  };
  const failing = () => Promise.reject(new Error("later"));
  const patient = { ...QUICK, attempts: 9, firstDelay: 60_000, maxDelay: 60_000 };
  const first = await start([reader("slow", slow), reader("failing", failing)], patient);
  const user = await register(first);
  await eventually(() => entered && home.log.text.includes("attempt 1 of 9"));
  const stopped = stop(first);
  await eventually(() => home.log.text.includes("'failing' stopped"));
  expect(home.log.text).not.toContain("'slow' stopped");
  open();
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
  const { open, opened } = gate();
  const early = notebook();
  const last = defineService<Service>({
    name: "last",
    async stopped() {
      await eventually(() => home.log.text.includes("'quick' stopped"));
      await register(this.broker);
      open();
    },
  });
  const first = await start([reader("quick", early.note), reader("slow", () => opened), last]);
  await register(first);
  await eventually(() => early.users.length === 1);
  await stop(first);
  const quick = notebook();
  const slow = notebook();
  await start([reader("quick", quick.note), reader("slow", slow.note)]);
  await eventually(() => quick.users.length === 1 && slow.users.length === 1);
});

test("a process killed in the midst of its work goes on with it when it starts again", async () => {
  const notes = join(home.dataDir, "notes");
  const run = async (count: number) => {
    const program = join(import.meta.dirname, "killed.fixture.ts");
    const child = new Child({
      name: "killed",
      logFile: join(home.dataDir, "killed.log"),
      command: async () => ({
        program: process.execPath,
        args: [program, home.dataDir, notes, String(count)],
        env: {},
      }),
      answers: async () => true,
      startWithin: 10_000,
    });
    await child.spawn();
    return child;
  };

  for (let round = 0; round < 3; round++) {
    const before = readNotes(notes, "handled").length;
    const child = await run(10_000);
    await eventually(() => readNotes(notes, "handled").length >= before + 20);
    await child.kill();
  }
  expect(readNotes(notes, "published").length).toBeGreaterThan(new Set(readNotes(notes, "handled")).size);

  const child = await run(0);
  await eventually(() => {
    const handled = new Set(readNotes(notes, "handled"));
    return readNotes(notes, "published").every((user) => handled.has(user));
  });
  await child.kill();
});

import { expect, test } from "@jest/globals";
import { Context, type Service } from "moleculer";
import { newUserId, type UserId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { openCollection } from "../collection/collection.ts";
import { defineService } from "../service.ts";
import { publish } from "./durable-events.ts";
import { deadEvents, durableEvents as pendingEvents } from "./embedded.ts";
import { gate, notebook, reader, register, registerWrongly } from "./fixture.ts";
import { QUICK, useHome } from "./home.fixture.ts";

const home = useHome();
const { start, stop } = home;

/** What is kept, after the process has stopped. */
async function kept(definition: typeof deadEvents) {
  const collection = await openCollection(definition, { dataDir: home.dataDir }, console);
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

test("a service may publish while it starts, and all that start with it get the event", async () => {
  const { users, note } = notebook();
  const early = defineService<Service>({
    name: "early",
    async started() {
      await register(this.broker);
    },
  });
  await start([early, reader("late", note)]);
  await eventually(() => users.length === 1);
});

test("a handler that fails is tried again, while the other consumers are done", async () => {
  const calm = notebook();
  const tries: UserId[] = [];
  const flaky = async ({ user_id }: { user_id: UserId }) => {
    tries.push(user_id);
    if (tries.length < 3) throw new Error("the database is away");
  };
  const broker = await start([reader("flaky", flaky), reader("calm", calm.note)]);
  const user = await register(broker);
  await eventually(() => tries.length === 3);
  expect(tries).toEqual([user, user, user]);
  expect(calm.users).toEqual([user]);
  expect(home.log.text).toMatch(
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
  await eventually(() => home.log.text.includes("goes to the dead letters after 3 attempt(s)"));
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
  await registerWrongly(broker, "hunter2");
  const user = await register(broker);
  await eventually(() => users.length === 1 && home.log.text.includes("dead letters after 1 attempt(s)"));
  expect(users).toEqual([user]);
  expect(home.log.text).toContain("user_id: invalid_type");
  expect(home.log.text).not.toContain("hunter2");
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
  await eventually(() => home.log.text.includes("did not finish within 20 ms"));
  await stop(broker);
  expect(await kept(deadEvents)).toHaveLength(1);
});

test("no more than so many events of a kind are handled at the same time", async () => {
  let running = 0;
  let most = 0;
  const { open, opened } = gate();
  const broker = await start(
    [
      reader("slow", async () => {
        running++;
        most = Math.max(most, running);
        await opened;
        running--;
      }),
    ],
    { ...QUICK, maxInFlight: 2 },
  );
  for (let i = 0; i < 6; i++) await register(broker);
  await eventually(() => running === 2);
  open();
  await eventually(() => running === 0);
  await stop(broker);
  expect(most).toBe(2);
  expect(await kept(pendingEvents)).toEqual([]);
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

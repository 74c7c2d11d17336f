/** Collections on MongoDB, or on the tests' server that is compatible with it. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { hasCode } from "../../lib/errors.ts";
import { type ServerHandle, startMongo } from "../../test/servers/servers.ts";
import { collectionSuite } from "../../test/support/collection-suite.ts";
import { type Thing, things } from "../../test/support/things.ts";
import { DuplicateKey, type Logger, type OpenCollection, openCollection } from "./collection.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
/** A server that is not the tests' own cannot be killed. */
const own = process.env.TEST_MONGO_URL ? test.skip : test;
let mongo: ServerHandle;

beforeAll(async () => {
  mongo = await startMongo();
});
afterAll(() => mongo.remove());

const open = (name: string) =>
  openCollection(things(name), { mongoUrl: mongo.url, checkQueries: true }, silent);

collectionSuite("MongoDB", (definition) =>
  openCollection(definition, { mongoUrl: mongo.url, checkQueries: true }, silent),
);

test("many processes may make the same indexes at once", async () => {
  const opened = await Promise.all(Array.from({ length: 8 }, () => open("together")));
  await opened[0]?.insert({ _id: "a", owner: "o", rank: 1 });
  const twin = opened[7]?.insert({ _id: "b", owner: "o", rank: 1 });
  await expect(twin).rejects.toBeInstanceOf(DuplicateKey);
  await Promise.all(opened.map((collection) => collection.close()));
});

test("the connection stays while one collection is open, and comes back after all were closed", async () => {
  const [first, second] = await Promise.all([open("first"), open("second")]);
  await first.close();
  await first.close();
  expect(hasCode(await first.findById("a").catch((error: unknown) => error), "UNAVAILABLE")).toBe(true);
  expect(await second.findById("a")).toBeNull();
  await second.close();
  const again = await open("first");
  expect(await again.findById("a")).toBeNull();
  await again.close();
});

describe("outages", () => {
  own("an outage is UNAVAILABLE within seconds, and passes by itself", async () => {
    const collection = await open("outage");
    await collection.insert({ _id: "a", owner: "o", rank: 1 });
    await mongo.kill();
    const since = performance.now();
    for (const ask of [
      () => collection.findById("a"),
      () => collection.insert({ _id: "b", owner: "o", rank: 2 }),
      () => collection.insertMany([{ _id: "c", owner: "o", rank: 3 }]),
    ]) {
      const refusal = await ask().catch((error: unknown) => error);
      expect([hasCode(refusal, "UNAVAILABLE"), refusal]).toEqual([true, refusal]);
    }
    expect(performance.now() - since).toBeLessThan(12_000);
    await mongo.restart();
    expect(await until(() => collection.findById("a"))).toMatchObject({ rank: 1 });
    await collection.close();
  });

  own("opening waits for the database, and an abort ends the waiting", async () => {
    await mongo.kill();
    const warnings: unknown[] = [];
    const logger = { ...silent, warn: (...message: unknown[]) => warnings.push(message) };
    const abort = new AbortController();
    const waiting = openCollection(things("given-up"), { mongoUrl: mongo.url }, logger, abort.signal);
    const opening = openCollection(things("late"), { mongoUrl: mongo.url }, silent);
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort(new Error("given up"));
    await expect(waiting).rejects.toThrow("given up");
    await mongo.restart();
    const collection = await opening;
    expect(await collection.findById("a")).toBeNull();
    await collection.close();
  });

  own("nothing acknowledged is missing after kill -9 under 16 writers, and the indexes agree", async () => {
    const collection = await open("crash");
    const inserted: Thing[] = [];
    const counted = new Map<string, number>();
    for (let run = 0; run < 3; run++) {
      const goal = inserted.length + 400;
      let killed = false;
      const writers = Array.from({ length: 16 }, async (_, w) => {
        for (let i = 0; !killed; i++) {
          const document = {
            _id: `${run}.${w}.${i}`,
            owner: `${run}.${w}`,
            rank: i,
            email: `${run}.${w}.${i}@x`,
          };
          await collection.insert(document);
          inserted.push(document);
          const counter = `counter.${w}`;
          const found = await collection.findOneAndUpdate(
            { _id: counter, owner: counter },
            { $inc: { rank: 1 } },
            { upsert: true },
          );
          counted.set(counter, found?.rank ?? 0);
        }
      });
      const settled = Promise.allSettled(writers);
      while (inserted.length < goal) await new Promise((resolve) => setTimeout(resolve, 5));
      await mongo.kill();
      killed = true;
      await settled;
      await mongo.restart();
      await until(() => collection.count({ owner: "none" }));
      await expectAll(collection, inserted, counted);
    }
    await collection.close();
  });
});

async function expectAll(collection: OpenCollection<Thing>, inserted: Thing[], counted: Map<string, number>) {
  for (const document of inserted) {
    const { _id, owner, rank } = document;
    expect([await collection.findById(_id), await collection.findOne({ owner, rank })]).toEqual([
      document,
      document,
    ]);
  }
  for (const [_id, count] of counted) {
    const { rank = Number.NaN } = (await collection.findById(_id)) ?? {};
    // One increment may have been written and not acknowledged.
    expect([count, count + 1]).toContain(rank);
  }
  const whole = await collection.count({ _id: { $gte: "" } });
  expect(await collection.count({ owner: { $gte: "" } })).toBe(whole);
}

/** Asks again while the answer is UNAVAILABLE. */
async function until<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!hasCode(error, "UNAVAILABLE")) throw error;
    }
  }
}

/** Sweeps run now and then, one at a time, and end with their service. */
import { afterEach, expect, test } from "@jest/globals";
import { type Service, ServiceBroker } from "moleculer";
import { loadConfig } from "../lib/config.ts";
import { secretKeyRing } from "../lib/keys.ts";
import { eventually } from "../test/servers/eventually.ts";
import { provideRuntime } from "./runtime.ts";
import { sweep } from "./sweep.ts";

let broker: ServiceBroker;
afterEach(() => broker.stop());

async function start(...sweeps: Parameters<typeof sweep<Service>>[0][]): Promise<void> {
  broker = new ServiceBroker({ logger: false, registry: { stopDelay: 0 } });
  const config = loadConfig({ NODE_ENV: "test", SWEEP_INTERVAL_MS: "50" });
  provideRuntime(broker, { config, keys: secretKeyRing("a secret of the tests"), database: {} });
  broker.createService({ name: "swept", mixins: sweeps.map((options) => sweep(options)) });
  await broker.start();
}

test("several sweeps of a service run again and again, with the service as this", async () => {
  const runs: string[] = [];
  await start(
    {
      name: "one",
      async run() {
        runs.push(`one of ${this.name}`);
      },
    },
    { name: "two", every: 10, run: async (service) => runs.push(`two of ${service.name}`) },
  );
  await eventually(() =>
    ["one", "two"].every((name) => runs.filter((r) => r === `${name} of swept`).length > 2),
  );
});

test("a sweep that fails runs again", async () => {
  let runs = 0;
  await start({
    name: "failing",
    every: 10,
    async run() {
      runs++;
      throw new Error("not now");
    },
  });
  await eventually(() => runs > 2);
});

test("a sweep never runs twice at once, and a stop waits for the one that runs", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  let finished = false;
  await start({
    name: "slow",
    every: 1,
    async run(_service, signal) {
      most = Math.max(most, ++running);
      runs++;
      if (runs > 1) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      // The stop must wait for this too.
      await new Promise((resolve) => setTimeout(resolve, 20));
      finished = signal.aborted;
      running--;
    },
  });
  await eventually(() => runs === 2);
  await broker.stop();
  expect({ most, running, finished }).toEqual({ most: 1, running: 0, finished: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(runs).toBe(2);
});

test("a sweep waits until its service has started", async () => {
  const seen: boolean[] = [];
  let started = false;
  broker = new ServiceBroker({ logger: false, registry: { stopDelay: 0 } });
  const config = loadConfig({ NODE_ENV: "test", SWEEP_INTERVAL_MS: "50" });
  provideRuntime(broker, { config, keys: secretKeyRing("a secret of the tests"), database: {} });
  broker.createService({
    name: "slow",
    mixins: [sweep({ name: "early", every: 5, run: async () => void seen.push(started) })],
    async started() {
      // As long as several sweeps would take.
      await new Promise((passed) => setTimeout(passed, 60));
      started = true;
    },
  });
  await broker.start();
  await eventually(() => seen.length > 2);
  expect(seen).not.toContain(false);
});

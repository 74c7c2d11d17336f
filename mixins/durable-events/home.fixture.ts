// Where the tests of a process by itself keep its data: each of them has a directory of its own, and brokers that end with it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { loadConfig } from "../../lib/config.ts";
import { makeBroker } from "./fixture.ts";
import type { Patience } from "./patience.ts";

export const QUICK: Partial<Patience> = { attempts: 3, firstDelay: 10, maxDelay: 40 };

/** To be called once in a file of tests. */
export function useHome() {
  const brokers: ServiceBroker[] = [];
  const home = {
    dataDir: "",
    log: { text: "" },

    async start(services: ServiceSchema[], patience = QUICK): Promise<ServiceBroker> {
      const database = { dataDir: home.dataDir, checkQueries: true };
      const config = loadConfig({ NODE_ENV: "test" });
      const broker = makeBroker({ config, database, services, patience, log: home.log });
      await broker.start();
      brokers.push(broker);
      return broker;
    },

    async stop(broker: ServiceBroker): Promise<void> {
      brokers.splice(brokers.indexOf(broker), 1);
      await broker.stop();
    },
  };
  beforeEach(() => {
    home.dataDir = mkdtempSync(join(tmpdir(), "veche-events-"));
    home.log = { text: "" };
  });
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    rmSync(home.dataDir, { recursive: true, force: true });
  });
  return home;
}

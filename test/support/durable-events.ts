// A nats-server for the cluster tests of durable events, and brokers in a namespace of their own for each test.
import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { loadConfig } from "../../lib/config.ts";
import { makeBroker } from "../../mixins/durable-events/fixture.ts";
import { makeDirectory, removeDirectory } from "../servers/custody.ts";
import { type ServerHandle, startNats } from "../servers/servers.ts";

export const QUICK = { attempts: 3, firstDelay: 200, maxDelay: 300, ackWait: 2_000 };
export const SOON = { within: 30_000 };

export let directory: string;
export let nats: ServerHandle;
export let log: { text: string };
export let namespaces = 0;
export const brokers: ServiceBroker[] = [];

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
  log = { text: "" };
});
afterEach(async () => {
  if (!nats.running) await nats.start();
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

export const config = () =>
  loadConfig({ NODE_ENV: "test", NATS_URL: nats.url, NAMESPACE: `test${namespaces}` }, true);

/** One process of the cluster, not started yet. */
export function make(nodeID: string, services: ServiceSchema[] = [], patience = QUICK): ServiceBroker {
  const broker = makeBroker({ config: config(), nodeID, services, patience, log });
  brokers.push(broker);
  return broker;
}

export async function start(...made: Parameters<typeof make>): Promise<ServiceBroker> {
  const broker = make(...made);
  await broker.start();
  return broker;
}

export async function stop(broker: ServiceBroker): Promise<void> {
  brokers.splice(brokers.indexOf(broker), 1);
  await broker.stop();
}

/** STREAM_REPLICAS, on three servers that keep streams together. */
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { connect, type JetStreamManager, type NatsConnection } from "nats";
import { loadConfig } from "../../lib/config.ts";
import { eventually } from "../../test/servers/eventually.ts";
import type { ServerHandle } from "../../test/servers/server.ts";
import { startNatsCluster } from "../../test/servers/servers.ts";
import { QUICK, SOON } from "../../test/support/durable-events.ts";
import { makeBroker, notebook, reader, register } from "./fixture.ts";
import { DEAD_LETTERS } from "./jetstream.ts";

let servers: ServerHandle[];
let url: string;
let connection: NatsConnection;
let manager: JetStreamManager;
let broker: ServiceBroker | undefined;

beforeAll(async () => {
  ({ servers, url } = await startNatsCluster());
  connection = await connect({ servers: url.split(",").map((text) => new URL(text).host) });
  // Refused until the servers have found each other.
  manager = await eventually(() => connection.jetstreamManager(), SOON);
});
afterEach(async () => {
  await broker?.stop();
  broker = undefined;
});
afterAll(async () => {
  await connection.close();
  await Promise.all(servers.map((server) => server.remove()));
});

async function start(namespace: string, replicas: string, services: ServiceSchema[]): Promise<ServiceBroker> {
  const env = { NODE_ENV: "test", NATS_URL: url, NAMESPACE: namespace, STREAM_REPLICAS: replicas };
  broker = makeBroker({ config: loadConfig(env, true), services, patience: QUICK });
  await broker.start();
  return broker;
}

const replicasOf = async (stream: string) => (await manager.streams.info(stream)).config.num_replicas;

test("new streams have as many copies, and lose no event when a server is killed", async () => {
  const { users, note } = notebook();
  const started = await start("new", "3", [reader("posts", note)]);
  const before = await eventually(() => register(started), SOON);
  const { config, cluster } = await manager.streams.info("new_user_registered");
  expect([config.num_replicas, cluster?.replicas?.length]).toEqual([3, 2]);

  const leader = servers.find(({ log }) => cluster?.leader !== undefined && log().includes(cluster.leader));
  const gone = leader ?? servers[0];
  await gone?.kill();
  const after = await eventually(() => register(started), SOON);
  await eventually(() => [before, after].every((user) => users.includes(user)), SOON);
  await gone?.start();
});

test("existing streams are brought to it at the next start, with what they keep; the dead letters' too", async () => {
  const published = await start("old", "1", []);
  const user = await eventually(() => register(published), SOON);
  const dead = `old_${DEAD_LETTERS}`;
  await manager.streams.add({ name: dead, subjects: [`old.${DEAD_LETTERS}`] });
  expect([await replicasOf("old_user_registered"), await replicasOf(dead)]).toEqual([1, 1]);
  await published.stop();

  const { users, note } = notebook();
  await start("old", "3", [reader("posts", note)]);
  await eventually(async () => (await replicasOf("old_user_registered")) === 3, SOON);
  await eventually(async () => (await replicasOf(dead)) === 3, SOON);
  await eventually(() => users.includes(user), SOON);
});

test("without it existing streams stay as the operator made them", async () => {
  await manager.streams.add({
    name: "own_user_registered",
    subjects: ["own.user.registered"],
    num_replicas: 3,
  });
  const started = await start("own", "", [reader("posts", notebook().note)]);
  await eventually(() => register(started), SOON);
  expect(await replicasOf("own_user_registered")).toBe(3);
});

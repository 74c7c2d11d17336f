/** @jest-environment ./test/servers/environment.ts */
// What an installation relies on: any order of starting, servers that are shared, encrypted or with accounts, parts that are away.
import { afterEach, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { connect } from "nats";
import { allBut, Cluster, startCluster } from "../servers/cluster.ts";
import { makeDirectory, removeDirectory } from "../servers/custody.ts";
import { eventually } from "../servers/eventually.ts";
import { freePort } from "../servers/ports.ts";
import type { ServerHandle } from "../servers/server.ts";
import { startMongo, startNats, startRedis } from "../servers/servers.ts";
import { makeCertificates } from "../support/certificates.ts";
import { twoPeopleTalk } from "../support/conversation.ts";
import { request, signUp } from "../support/http.ts";
import { makeAccount } from "../support/nats-accounts.ts";

const SOON = { within: 40_000, every: 50 };
const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

const statusOf = async (url: string) => (await fetch(url, { headers: { connection: "close" } })).status;

/** Not started nodes: a test adds them when it is time. */
function clusterOf(servers: { nats: ServerHandle; redis: ServerHandle; mongo: ServerHandle }): Cluster {
  const cluster = new Cluster(makeDirectory("delivery"), servers, { nodes: {} });
  ended.push(() => cluster.stop());
  return cluster;
}

test("processes that come before their servers wait, alive and not ready, and work when the last one is there", async () => {
  const [nats, redis, mongo] = await Promise.all([
    startNats({ user: "veche", password: "secret" }),
    startRedis({ password: "secret" }),
    startMongo(),
  ]);
  await Promise.all([nats.stop(), redis.stop(), mongo.stop()]);
  const cluster = clusterOf({ nats, redis, mongo });
  const nodes = await Promise.all([cluster.add("gateway", ["api"]), cluster.add("rest", allBut("api"))]);
  const states = () =>
    Promise.all(
      nodes.flatMap((node) => ["healthz", "readyz"].map((path) => statusOf(`${node.healthUrl}/${path}`))),
    );
  const waits = async () => expect(await eventually(states, SOON)).toEqual([200, 503, 200, 503]);

  await waits();
  // What others wait for comes last.
  for (const server of [redis, nats, mongo]) {
    await waits();
    await server.start();
  }
  await Promise.all(nodes.map((node) => node.ready()));
  expect(nodes.map(({ running }) => running)).toEqual([true, true]);
  await twoPeopleTalk(cluster.node("gateway").baseUrl, cluster.node("gateway").baseUrl);

  // Once they were ready, a database that goes away takes nobody out of rotation, nor makes anybody start anew.
  await mongo.stop();
  await redis.stop();
  expect(await states()).toEqual([200, 200, 200, 200]);
  // Without its own transporter a process can't do anything.
  await nats.stop();
  await eventually(async () => (await states()).join() === "200,503,200,503", SOON);
  await nats.start();
  await eventually(async () => (await states()).join() === "200,200,200,200", SOON);
}, 120_000);

test("two installations share NATS and Redis, and nothing that is in them", async () => {
  const cluster = await startCluster({ nodes: {} });
  ended.push(() => cluster.stop());
  const wire = await connect({ servers: `127.0.0.1:${cluster.nats.port}` });
  ended.push(() => wire.close());
  const subjects = new Set<string>();
  wire.subscribe(">", { callback: (_error, { subject }) => subjects.add(subject) });
  await wire.flush();

  const names = ["a_b-c", "a-b_c"];
  const [one, other] = await Promise.all(
    names.map((NAMESPACE, i) =>
      cluster.add(`node-${i}`, [], {
        NAMESPACE,
        MONGO_URL: cluster.mongo.url.replace(/veche$/, `veche_${i}`),
        STALE_AFTER_MS: "500",
        SWEEP_INTERVAL_MS: "200",
      }),
    ),
  );
  await Promise.all([one?.ready(), other?.ready()]);
  const [ones, others] = [one?.baseUrl ?? "", other?.baseUrl ?? ""];
  await Promise.all([twoPeopleTalk(ones, ones), twoPeopleTalk(others, others)]);

  // The same email on both; deleting it on one, which goes by durable events, leaves the other.
  const ann = await signUp(ones);
  const account = { email: ann.email, password: ann.password };
  expect((await request(others, "POST", "/v1/login", { body: account })).status).toBe(401);
  expect((await request(others, "POST", "/v1/register", { body: account })).status).toBe(201);
  const deletion = await request(ones, "DELETE", "/v1/account", {
    token: ann.accessToken,
    body: { password: ann.password },
  });
  expect(deletion.status).toBeLessThan(300);
  await eventually(
    async () => (await request(ones, "POST", "/v1/register", { body: account })).status === 201,
    SOON,
  );
  expect((await request(others, "POST", "/v1/login", { body: account })).status).toBe(200);

  const owners = (name: string) => names.filter((namespace) => new RegExp(`\\b${namespace}\\b`).test(name));
  const unowned = [...subjects].filter((name) => !/^(\$JS|_INBOX)\./.test(name) && owners(name).length !== 1);
  expect(unowned).toEqual([]);
  expect(subjects.size).toBeGreaterThan(20);
  const streams = (await (await wire.jetstreamManager()).streams.list().next()).map(
    ({ config }) => config.name,
  );
  expect(streams.filter((name) => !names.some((namespace) => name.startsWith(`${namespace}_`)))).toEqual([]);
  expect(streams.length).toBeGreaterThanOrEqual(2);
  const redis = new Redis(cluster.redis.url);
  const keys = await redis.keys("*");
  redis.disconnect();
  expect(keys.filter((key) => owners(key).length !== 1)).toEqual([]);
  expect(new Set(keys.flatMap(owners)).size).toBe(2);
}, 120_000);

test("NATS with TLS and certificates of clients, Redis with TLS: all connections use them", async () => {
  const directory = makeDirectory("tls");
  ended.push(async () => removeDirectory(directory));
  const { ca, server, client } = makeCertificates(directory);
  const tlsPort = await freePort();
  const [nats, redis, mongo] = await Promise.all([
    startNats({
      args: ["--tls", "--tlscert", server.cert, "--tlskey", server.key, "--tlscacert", ca, "--tlsverify"],
    }),
    startRedis({
      args: [
        ...["--tls-port", String(tlsPort), "--tls-cert-file", server.cert, "--tls-key-file", server.key],
        ...["--tls-ca-cert-file", ca, "--tls-auth-clients", "no"],
      ],
    }),
    startMongo(),
  ]);
  const cluster = clusterOf({ nats, redis, mongo });
  const env = {
    NATS_URL: `tls://127.0.0.1:${nats.port}`,
    NATS_TLS_CA: ca,
    NATS_TLS_CERT: client.cert,
    NATS_TLS_KEY: client.key,
    REDIS_URL: `rediss://127.0.0.1:${tlsPort}`,
    NODE_EXTRA_CA_CERTS: ca,
  };
  const veche = await cluster.add("veche", [], env);
  await veche.ready();
  await twoPeopleTalk(veche.baseUrl, veche.baseUrl);
  const plain = new Redis(redis.url);
  expect((await plain.keys("*")).length).toBeGreaterThan(0);
  plain.disconnect();

  // Without the client's certificate NATS is not reached: the process waits.
  const { NATS_TLS_CERT: _, NATS_TLS_KEY: __, ...bare } = env;
  const refused = await cluster.add("refused", allBut("api"), bare);
  await eventually(async () => (await statusOf(`${refused.healthUrl}/readyz`)) === 503, SOON);
  await eventually(() => nats.log().includes("client didn't provide a certificate"), SOON);
}, 120_000);

test("NATS with accounts: a file of credentials is used by all connections", async () => {
  const directory = makeDirectory("accounts");
  ended.push(async () => removeDirectory(directory));
  const { config, credentials } = makeAccount(directory);
  const [nats, redis, mongo] = await Promise.all([
    startNats({ args: ["-c", config] }),
    startRedis(),
    startMongo(),
  ]);
  const veche = await clusterOf({ nats, redis, mongo }).add("veche", [], { NATS_CREDS_FILE: credentials });
  await veche.ready();
  await twoPeopleTalk(veche.baseUrl, veche.baseUrl);
  await expect(connect({ servers: `127.0.0.1:${nats.port}` })).rejects.toThrow(/authorization/i);
}, 120_000);

test("while photo is away its routes answer 503 with Retry-After, all else goes on, and nobody is unready", async () => {
  const cluster = await startCluster({ nodes: { photo: ["photo"], rest: allBut("photo") } });
  ended.push(() => cluster.stop());
  const { baseUrl, healthUrl } = cluster.node("rest");
  const ann = await signUp(baseUrl);
  const photos = () => request(baseUrl, "GET", "/v1/me/photos", { token: ann.accessToken });
  expect((await photos()).status).toBe(200);
  await cluster.node("photo").stop();
  const away = await eventually(async () => {
    const answer = await photos();
    return answer.status === 503 && answer;
  }, SOON);
  expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await statusOf(`${healthUrl}/readyz`)).toBe(200);
  await twoPeopleTalk(baseUrl, baseUrl);
  await cluster.node("photo").start();
  await eventually(async () => (await photos()).status === 200, SOON);
}, 120_000);

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startCluster } from "../../test/servers/cluster.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { startVeche } from "../../test/servers/processes.ts";
import type { ServerHandle } from "../../test/servers/server.ts";
import { startMongo } from "../../test/servers/servers.ts";
import { request, signUp } from "../../test/support/http.ts";
import { schemaSuite } from "../../test/support/schema-suite.ts";
import { openCollection } from "../collection/collection.ts";

let mongo: ServerHandle;
beforeAll(async () => {
  mongo = await startMongo();
});
afterAll(() => mongo.remove());

let count = 0;
// A process has one connection to MongoDB, so that the tests have their databases one after the other.
schemaSuite("MongoDB", async () => ({
  mongoUrl: mongo.url.replace(/\/veche$/, `/schema_${++count}`),
  checkQueries: true,
}));

const NEXT = join(import.meta.dirname, "../../test/cluster/next-version.ts");
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const runJob = (mongoUrl: string, script = NEXT) =>
  promisify(execFile)(process.execPath, [script], {
    env: { PATH: process.env.PATH, SCRIPT: "schema", NODE_ENV: "production", MONGO_URL: mongoUrl },
  });

test("an update: new processes wait, old ones serve on, one of several jobs changes the schema; and back", async () => {
  const cluster = await startCluster({ nodes: { old: [] } });
  try {
    const { baseUrl } = cluster.node("old");
    const ann = await signUp(baseUrl);
    const serves = async (url: string) =>
      (await request(url, "GET", "/v1/me", { token: ann.accessToken })).status === 200;

    const next = await startVeche({
      name: "next",
      directory: cluster.directory,
      program: NEXT,
      env: { NATS_URL: cluster.nats.url, REDIS_URL: cluster.redis.url, MONGO_URL: cluster.mongo.url },
    });
    const state = async () => {
      const ready = await fetch(`${next.healthUrl}/readyz`);
      const alive = await fetch(`${next.healthUrl}/healthz`);
      return [alive.status, ready.status, ((await ready.json()) as { waiting_for?: string[] }).waiting_for];
    };
    await eventually(() => next.log().includes("The schema is at version 1, and this process needs 2"));
    const [alive, ready, waitingFor] = await state();
    expect([alive, ready]).toEqual([200, 503]);
    expect(waitingFor).toContain("schema 2");
    expect(await serves(baseUrl)).toBe(true);

    const jobs = await Promise.all([1, 2, 3].map(() => runJob(cluster.mongo.url)));
    for (const { stdout } of jobs) expect(stdout).toContain("The schema is at version 2.");
    const runs = await openCollection({ name: "runs" }, { mongoUrl: cluster.mongo.url }, silent);
    expect(await runs.page({ prefix: "run-", limit: 10 })).toHaveLength(1);
    await runs.close();

    await next.ready();
    expect([await serves(baseUrl), await serves(next.baseUrl)]).toEqual([true, true]);

    // Taken back: the old version starts on the next one's schema, and its job changes nothing.
    await next.stop();
    await cluster.node("old").restart();
    expect(await serves(cluster.node("old").baseUrl)).toBe(true);
    const { stdout } = await runJob(cluster.mongo.url, join(import.meta.dirname, "../../scripts/schema.ts"));
    expect(stdout).not.toContain("goes to version");
    expect(stdout).toContain("The schema is at version 2.\n");
    await next.remove();
  } finally {
    await cluster.stop();
  }
}, 120_000);

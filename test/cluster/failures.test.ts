import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { request, type SignedUp, signUp } from "../support/http.ts";
import { failuresOf, startLoad } from "../support/load.ts";

let cluster: Cluster;
let ann: SignedUp;

const DRAIN_DELAY_MS = 1_000;
/** The services whose processes are ended. */
const DOUBLED = ["api", "auth", "session", "users"];

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      ...Object.fromEntries(
        DOUBLED.flatMap((service) => [
          [`${service}-1`, [service]],
          [`${service}-2`, [service]],
        ]),
      ),
      rest: allBut(...DOUBLED),
    },
    env: {
      DRAIN_DELAY_MS: String(DRAIN_DELAY_MS),
      CACHE_TTL_S: "1",
      SWEEP_INTERVAL_MS: "300",
      STALE_AFTER_MS: "3000",
    },
  });
  ann = await signUp(cluster.node("api-1").baseUrl);
});
afterAll(() => cluster?.stop());

/** As a balancer does: only gateways that say they are ready get requests. */
function balancer() {
  const gateways = ["api-1", "api-2"].map((name) => ({ node: cluster.node(name), ready: true }));
  let turn = 0;
  let stopped = false;
  // One after the other, so that no answer overtakes a later one.
  const probe = async (gateway: (typeof gateways)[number]) => {
    while (!stopped) {
      gateway.ready = await fetch(`${gateway.node.healthUrl}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      await wait(20);
    }
  };
  for (const gateway of gateways) void probe(gateway);
  return {
    baseUrl() {
      turn += 1;
      const ready = gateways.filter((gateway) => gateway.ready);
      return (ready[turn % ready.length] ?? gateways[0])?.node.baseUrl ?? "";
    },
    stop: () => {
      stopped = true;
    },
  };
}

const load = (baseUrl: () => string) => startLoad({ baseUrl, user: ann });
const settled = (samples: { length: number }, more: number) => {
  const wanted = samples.length + more;
  return eventually(() => samples.length >= wanted, { within: 20_000 });
};

test("kill -9 of an auth and a users process: errors for five seconds at most, 503 or 504, and every request is answered", async () => {
  const running = load(() => cluster.node("api-1").baseUrl);
  await settled(running.samples, 200);
  const killedAt = running.elapsed();
  await Promise.all([cluster.node("auth-1").kill(), cluster.node("users-1").kill()]);
  await eventually(() => running.elapsed() > killedAt + 7_000, { within: 10_000 });
  await settled(running.samples, 200);
  const samples = await running.stop();

  const failures = failuresOf(samples);
  const last = Math.max(0, ...failures.map(({ sentAt }) => sentAt - killedAt));
  console.log(
    `${samples.length} requests, ${failures.length} failed, the last one sent ${Math.round(last)} ms after the kill`,
  );
  for (const failure of failures) {
    expect([503, 504]).toContain(failure.status);
    expect(failure.sentAt).toBeGreaterThan(killedAt - 6_000);
    expect(failure.sentAt).toBeLessThan(killedAt + 5_000);
  }
  await Promise.all([cluster.node("auth-1").start(), cluster.node("users-1").start()]);
});

test.each(["auth-1", "users-1", "session-1", "api-1"])(
  "SIGTERM of %s under load: not one request fails",
  async (name) => {
    const gateways = balancer();
    const running = load(gateways.baseUrl);
    await settled(running.samples, 200);
    const { code } = await cluster.node(name).stop();
    await settled(running.samples, 200);
    await cluster.node(name).start();
    await settled(running.samples, 200);
    const samples = await running.stop();
    gateways.stop();
    expect(failuresOf(samples)).toEqual([]);
    expect(code).toBe(0);
  },
);

test("a password that changes while no session process is there still ends the other sessions", async () => {
  const gateway = cluster.node("api-1").baseUrl;
  const bob = await signUp(gateway);
  const login = { email: bob.email, password: bob.password };
  const other = (await request(gateway, "POST", "/v1/login", { body: login })).body;
  await Promise.all([cluster.node("session-1").kill(), cluster.node("session-2").kill()]);
  const body = { password: bob.password, new_password: "battery staple" };
  const { status } = await request(gateway, "PATCH", "/v1/account", { token: bob.accessToken, body });
  expect([503, 504]).toContain(status);
  await Promise.all([cluster.node("session-1").start(), cluster.node("session-2").start()]);
  const refresh = () =>
    request(gateway, "POST", "/v1/refresh", { body: { refresh_token: other.refresh_token } });
  await eventually(async () => (await refresh()).status === 401, { within: 20_000, every: 250 });
  // The session that changed it stays.
  const me = () => request(gateway, "GET", "/v1/me", { token: bob.accessToken });
  expect(await eventually(async () => (await me()).status !== 503 && (await me()).status)).toBe(200);
});

test("while NATS is away the gateways answer 503 at once, and five seconds after it is back they work", async () => {
  const gateways = [cluster.node("api-1").baseUrl, cluster.node("api-2").baseUrl];
  await cluster.nats.kill();
  const get = (baseUrl: string) => request(baseUrl, "GET", "/v1/users", { token: ann.accessToken });
  await eventually(async () => (await get(gateways[0] ?? "")).status === 503);
  for (let round = 0; round < 5; round += 1) {
    const before = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => get(gateways[i % 2] ?? "")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(Number(answers[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  await cluster.nats.start();
  for (const gateway of gateways) {
    await eventually(async () => (await get(gateway)).status === 200, { within: 5_000 });
  }
});

test("while Redis is away everything still answers at once, and sign-ins are still counted", async () => {
  const gateway = cluster.node("api-1").baseUrl;
  await cluster.redis.kill();
  const before = performance.now();
  for (let i = 0; i < 20; i += 1) {
    const { status } = await request(gateway, "GET", "/v1/me", { token: ann.accessToken });
    expect([200, 503]).toContain(status);
  }
  expect(performance.now() - before).toBeLessThan(5_000);
  const bob = await signUp(gateway);
  const guess = () =>
    request(gateway, "POST", "/v1/login", { body: { email: bob.email, password: "wrong horse" } });
  const answers = await Promise.all(Array.from({ length: 60 }, guess));
  expect(answers.some(({ status }) => status === 429)).toBe(true);
  await cluster.redis.start();
  await eventually(
    async () => {
      const { status } = await request(gateway, "GET", "/v1/me", { token: ann.accessToken });
      return status === 200;
    },
    { within: 5_000 },
  );
});

test("while the database is away requests that need it answer 503, and five seconds after it is back they work", async () => {
  const gateway = cluster.node("api-1").baseUrl;
  await cluster.mongo.kill();
  const get = () => request(gateway, "GET", "/v1/users", { token: ann.accessToken });
  const answer = await eventually(async () => {
    const { status } = await get();
    return status !== 200 && status;
  });
  expect([503, 504]).toContain(answer);
  await cluster.mongo.start();
  await eventually(async () => (await get()).status === 200, { within: 5_000 });
});

test("a process that is started before its servers waits for them, alive and not ready", async () => {
  const servers = [cluster.nats, cluster.redis, cluster.mongo];
  await Promise.all(servers.map((server) => server.kill()));
  const late = await cluster.add("late", allBut());
  const probe = async (path: string) => (await fetch(`${late.healthUrl}${path}`)).status;
  await eventually(async () => (await probe("/healthz")) === 200);
  expect(await probe("/readyz")).toBe(503);
  for (const server of servers) {
    await server.start();
    expect(late.running).toBe(true);
  }
  await late.ready();
  await eventually(async () => {
    const { status } = await request(late.baseUrl, "GET", "/v1/me", { token: ann.accessToken });
    return status === 200;
  });
});

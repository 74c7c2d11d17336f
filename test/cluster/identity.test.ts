import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { request, type SignedUp, signUp, uniqueName } from "../support/http.ts";
import { runScript } from "../support/scripts.ts";

let cluster: Cluster;
let one: string;
let two: string;
/** A gateway that every event of a revocation passes by. */
let deaf: string;

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      "gateway-1": ["api"],
      "gateway-2": ["api"],
      "core-1": allBut("api"),
      "core-2": allBut("api"),
    },
    env: {
      SWEEP_INTERVAL_MS: "200",
      STALE_AFTER_MS: "1000",
      REFRESH_GRACE_S: "10",
      SIGN_IN_MAX_FAILURES: "10",
    },
  });
  one = cluster.node("gateway-1").baseUrl;
  two = cluster.node("gateway-2").baseUrl;
  const gateway = await cluster.add("gateway-deaf", ["api"], { REVOCATION_EVENTS: "false" });
  await gateway.ready();
  deaf = gateway.baseUrl;
});
afterAll(() => cluster?.stop());

const get = (baseUrl: string, path: string, { accessToken: token }: SignedUp) =>
  request(baseUrl, "GET", path, { token });
const post = <T = Record<string, string>>(baseUrl: string, path: string, body: unknown) =>
  request<T>(baseUrl, "POST", path, { body });

test("who registers at one gateway is known at the other", async () => {
  const nickname = uniqueName("n");
  const ann = await signUp(one, { nickname });
  expect(await get(two, "/v1/me", ann)).toMatchObject({ status: 200, body: { nickname, email: ann.email } });
});

test("of many registrations of one email at once, over both gateways, exactly one wins", async () => {
  const body = { email: `${uniqueName()}@example.com`, password: "correct horse" };
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => post(i % 2 ? one : two, "/v1/register", body)),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(11).fill(409)]);
});

test("a change is seen through every gateway, whatever was cached", async () => {
  const ann = await signUp(one);
  for (let i = 0; i < 10; i += 1) {
    await get(two, "/v1/me", ann);
    await request(one, "PATCH", "/v1/profile", { token: ann.accessToken, body: { bio: `bio ${i}` } });
    for (const gateway of [one, two]) {
      expect((await get(gateway, "/v1/me", ann)).body).toMatchObject({ bio: `bio ${i}` });
    }
  }
});

test("both gateways count wrong passwords together", async () => {
  const ann = await signUp(one);
  const guess = (i: number) =>
    post(i % 2 ? one : two, "/v1/login", { email: ann.email, password: "wrong horse" });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => guess(i)));
  expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(10);
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(20);
});

describe("a revoked session is refused within a second", () => {
  test.each([
    ["at the gateway where it was revoked", () => one],
    ["at the other", () => two],
    ["at one that no event reaches", () => deaf],
  ])("%s", async (_, gateway) => {
    const ann = await signUp(one);
    expect((await get(gateway(), "/v1/me", ann)).status).toBe(200);
    expect((await request(one, "POST", "/v1/logout", { token: ann.accessToken })).status).toBe(204);
    await eventually(async () => (await get(gateway(), "/v1/me", ann)).status === 401, {
      within: 1_000,
      every: 20,
    });
  });
});

describe("refresh tokens", () => {
  test("one used twenty times at once, over both gateways, gets one successor; after the grace it ends the session", async () => {
    const ann = await signUp(one);
    const refresh = (gateway: string, refresh_token: string) =>
      post(gateway, "/v1/refresh", { refresh_token });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refresh(i % 2 ? one : two, ann.refreshToken)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const successors = new Set(answers.map(({ body }) => body.refresh_token));
    expect(successors.size).toBe(1);

    await eventually(async () => (await refresh(two, ann.refreshToken)).status === 401, {
      within: 20_000,
      every: 500,
    });
    expect((await refresh(one, [...successors].join())).status).toBe(401);
  });

  test("a process killed between rotation and answer signs nobody out", async () => {
    const ann = await signUp(one);
    let token = ann.refreshToken;
    for (const name of ["core-1", "core-2", "core-1"]) {
      const answers = Array.from({ length: 10 }, () => post(one, "/v1/refresh", { refresh_token: token }));
      await cluster.node(name).kill();
      await Promise.allSettled(answers);
      const next = await eventually(
        async () => {
          const { status, body } = await post(two, "/v1/refresh", { refresh_token: token });
          return status === 200 && body.refresh_token;
        },
        { within: 9_000 },
      );
      token = String(next);
      await cluster.node(name).start();
    }
  });
});

test("a deletion comes to its end although a service was away", async () => {
  const nickname = uniqueName("n");
  const ann = await signUp(one, { nickname });
  await cluster.node("core-2").kill();
  const deleted = () =>
    request(one, "DELETE", "/v1/account", { token: ann.accessToken, body: { password: ann.password } });
  await eventually(async () => [202, 401].includes((await deleted()).status));
  // Everything that would go on with it is gone for a while.
  await cluster.node("core-1").kill();
  await Promise.all([cluster.node("core-1").start(), cluster.node("core-2").start()]);
  await eventually(
    async () =>
      (await post(two, "/v1/register", { email: ann.email, password: "correct horse", nickname })).status ===
      201,
    { within: 30_000, every: 250 },
  );
});

test("npm run admin, run where a node runs, makes an administrator and leaves the node alone", async () => {
  const ann = await signUp(one);
  const node = await cluster.add("named", ["users"], { NODE_ID: "users-0" });
  await node.ready();
  const env = { NATS_URL: cluster.nats.url, NODE_ID: "users-0", HEALTH_PORT: new URL(node.healthUrl).port };
  expect(await runScript("admin", [ann.email], env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("is now an administrator"),
  });
  expect((await get(two, "/v1/me", ann)).body).toMatchObject({ role: "admin" });
  expect(node.running).toBe(true);
});

test("an unknown email takes as long as a wrong password", async () => {
  // The guard is set wide, so that it is not what is measured.
  const wide = {
    SIGN_IN_FREE_FAILURES: "1000",
    SIGN_IN_MAX_FAILURES: "1000",
    SIGN_IN_ADDRESS_MAX_FAILURES: "1000",
  };
  const slow = await cluster.add("core-slow", ["auth"], { BCRYPT_COST: "10", NAMESPACE: "timing", ...wide });
  const others = await cluster.add("core-timing", allBut("api", "auth"), {
    NAMESPACE: "timing",
  });
  const gateway = await cluster.add("gateway-timing", ["api"], { NAMESPACE: "timing" });
  await Promise.all([slow.ready(), others.ready(), gateway.ready()]);
  const ann = await signUp(gateway.baseUrl);
  const time = async (email: string) => {
    const before = performance.now();
    const { status } = await post(gateway.baseUrl, "/v1/login", { email, password: "wrong horse" });
    expect(status).toBe(401);
    return performance.now() - before;
  };
  const wrong: number[] = [];
  const unknown: number[] = [];
  for (let i = 0; i < 50; i += 1) {
    wrong.push(await time(ann.email));
    unknown.push(await time(`x${i}${ann.email}`));
  }
  const ratio = median(unknown) / median(wrong);
  console.log(`unknown email / wrong password: ${ratio.toFixed(3)} (${median(wrong).toFixed(1)} ms)`);
  expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
});

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

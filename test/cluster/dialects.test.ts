/** @jest-environment ./test/servers/environment.ts */
// The suites of the dialects against a cluster, each through one of its gateways; then a part of it is taken away.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { authPostsSuite } from "../dialects/suites/auth-posts.ts";
import { chatServerSuite } from "../dialects/suites/chat-server.ts";
import { chatServerLiveSuite } from "../dialects/suites/chat-server-live.ts";
import { egoSuite } from "../dialects/suites/ego.ts";
import { egoSubscriptionsSuite } from "../dialects/suites/ego-subscriptions.ts";
import { postsSuite } from "../dialects/suites/posts.ts";
import { clientOf, type Target } from "../dialects/suites/target.ts";
import { userManagementSuite } from "../dialects/suites/user-management.ts";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { signUp } from "../support/http.ts";
import { runScript } from "../support/scripts.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      "gateway-1": ["api"],
      "gateway-2": ["api"],
      "core-1": allBut("api", "chat", "rooms"),
      "chat-1": ["chat"],
      "chat-2": ["chat"],
      "rooms-1": ["rooms"],
    },
    env: {
      SWEEP_INTERVAL_MS: "500",
      REGISTRATIONS_PER_ADDRESS_PER_HOUR: "100000",
      SIGN_IN_ADDRESS_MAX_FAILURES: "100000",
      // All processes, servers and clients share this machine: how fast it is is not what is tested.
      REQUEST_TIMEOUT_MS: "15000",
    },
  });
}, 120_000);
afterAll(() => cluster?.stop());

const through = (gateway: string): Target => ({
  baseUrl: () => cluster.node(gateway).baseUrl,
  async makeAdmin(email) {
    expect((await runScript("admin", [email], { NATS_URL: cluster.nats.url })).code).toBe(0);
  },
});

describe("through one gateway", () => {
  chatServerSuite(through("gateway-1"));
  userManagementSuite(through("gateway-1"));
  egoSuite(through("gateway-1"));
  egoSubscriptionsSuite(through("gateway-1"));
});

describe("through another", () => {
  chatServerLiveSuite(through("gateway-2"));
  authPostsSuite(through("gateway-2"));
  postsSuite(through("gateway-2"));
});

test("chat-server 194: what needs a part that was killed is 503, all else goes on", async () => {
  const target = through("gateway-1");
  const say = clientOf(target, "chat-server");
  const { accessToken: authorization } = await signUp(target.baseUrl());
  expect((await say("GET", "/rooms", { authorization })).status).toBe(200);
  await cluster.node("rooms-1").kill();
  await eventually(async () => (await say("GET", "/rooms", { authorization })).status === 503);
  expect((await say("GET", "/profile", { authorization })).status).toBe(200);
});

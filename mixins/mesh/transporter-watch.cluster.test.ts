// Two nodes over a real NATS server that goes away and comes back, and that one of them finds again later than the other.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { eventually } from "../../test/servers/eventually.ts";
import { type ServerHandle, startNats } from "../../test/servers/servers.ts";
import { Balancer } from "../../test/support/balancer.ts";
import { makeBroker, testConfig } from "../../test/support/chat.ts";
import { runtimeOf } from "../runtime.ts";

let nats: ServerHandle;
/** What the callee goes through to NATS. */
let way: Balancer;
let caller: ServiceBroker;
let callee: ServiceBroker;

beforeAll(async () => {
  [nats, way] = await Promise.all([startNats(), Balancer.start()]);
  way.add(nats.url);
  const config = { ...testConfig(), cluster: true };
  caller = makeBroker({ ...config, NATS_URL: nats.url, NODE_ID: "caller" });
  callee = makeBroker({ ...config, NATS_URL: way.url.replace("http", "nats"), NODE_ID: "callee" });
  callee.createService({
    name: "echo",
    settings: { $shutdownTimeout: 1 },
    actions: { now: () => Date.now(), never: () => new Promise(() => {}) },
  });
  await Promise.all([caller, callee].map((broker) => broker.start()));
  await caller.waitForServices("echo");
});
afterAll(async () => {
  await callee?.stop();
  way?.close();
  await nats?.remove();
});

const isThere = () => caller.registry.actions.isAvailable("echo.now");

test("while NATS is away calls fail at once, and so do those to a node that is not back yet", async () => {
  way.remove(nats.url);
  await nats.kill();
  await eventually(() => runtimeOf(caller).lifecycle.disconnected);
  await expect(caller.call("echo.now")).rejects.toMatchObject({ type: "SERVICE_NOT_AVAILABLE" });
  await nats.start();
  await eventually(() => !runtimeOf(caller).lifecycle.disconnected);
  await expect(caller.call("echo.now")).rejects.toMatchObject({ type: "SERVICE_NOT_AVAILABLE" });
  way.add(nats.url);
  await eventually(isThere);
  expect(await caller.call("echo.now")).toEqual(expect.any(Number));
});

test("a call whose answer never comes does not hold up the shutdown", async () => {
  const never = caller.call("echo.never", {}, { timeout: 200 });
  await expect(never).rejects.toMatchObject({ name: "RequestTimeoutError", code: 504 });
  const from = performance.now();
  await caller.stop();
  expect(performance.now() - from).toBeLessThan(testConfig().SHUTDOWN_TIMEOUT_MS / 2);
});

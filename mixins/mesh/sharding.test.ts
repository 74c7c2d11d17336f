import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Context, ServiceBroker } from "moleculer";
import { VecheShard } from "./sharding.ts";

type Endpoints = Parameters<VecheShard["select"]>[0];

let broker: ServiceBroker;
beforeAll(() => {
  broker = new ServiceBroker({ logger: false });
});
afterAll(() => broker.stop());

// All that the strategy looks at.
const nodes = (...ids: string[]) => ids.map((id) => ({ id })) as Endpoints;
const keys = Array.from({ length: 200 }, (_, i) => `conversation ${i}`);
const make = () => new VecheShard(broker.registry, broker, { shardKey: "id" });
const chosen = (strategy: VecheShard, list: Endpoints) =>
  keys.map((id) => strategy.select(list, { params: { id } } as unknown as Context)?.id);

test("the same key goes to the same node, and all nodes get some", () => {
  const first = chosen(make(), nodes("a", "b", "c"));
  expect(chosen(make(), nodes("c", "a", "b"))).toEqual(first);
  expect(new Set(first)).toEqual(new Set(["a", "b", "c"]));
});

test("while a node can't be taken the others are, and it is again when it can", () => {
  const strategy = make();
  const all = chosen(strategy, nodes("a", "b"));
  // No event of the mesh tells that a circuit breaker has opened.
  expect(new Set(chosen(strategy, nodes("b")))).toEqual(new Set(["b"]));
  expect(new Set(chosen(strategy, nodes("b", "d")))).toEqual(new Set(["b", "d"]));
  expect(chosen(strategy, nodes("a", "b"))).toEqual(all);
});

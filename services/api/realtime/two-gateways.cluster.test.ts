// Two gateways and a writer, each a broker of its own, over a real NATS server that goes away and comes back.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { type Caller, call } from "../../../lib/contract.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { type ServerHandle, startNats } from "../../../test/servers/servers.ts";
import { type ChatBroker, makeBroker, makeChat, testConfig } from "../../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, Socket, somebody } from "../../../test/support/gateway.ts";

let nats: ServerHandle;
let chat: ChatBroker;
let gateways: ServiceBroker[];

beforeAll(async () => {
  nats = await startNats({ user: "veche", password: "p@ss:word" });
  // The one writer keeps its data in memory: no other process reads them.
  const config = { ...testConfig(), cluster: true, NATS_URL: nats.url };
  chat = makeChat({ ...config, NODE_ID: "chat" });
  gateways = ["one", "two"].map((NODE_ID) => makeBroker({ ...config, NODE_ID }));
  for (const gateway of gateways) addGateway(gateway);
  await Promise.all([chat.broker, ...gateways].map((broker) => broker.start()));
  await Promise.all(gateways.map((gateway) => gateway.waitForServices(["v1.chat", "v1.users"])));
  await Promise.all(gateways.map(gatewayReady));
});
afterAll(async () => {
  await Promise.all([chat.broker, ...gateways].map((broker) => broker.stop()));
  await nats.remove();
});

const say = (user: Caller, id: string, text: string) =>
  call(chat.broker, "v1.chat.sendMessage", { id, text, nonce: crypto.randomUUID() }, { meta: { user } });

test("two users on two gateways talk, and get from the log what was sent while NATS was away", async () => {
  const [one, two] = gateways as [ServiceBroker, ServiceBroker];
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id: id } = await call(one, "v1.chat.createDirectChat", params, { meta: { user: ann } });
  const [a, b] = await Promise.all([Socket.signedIn(one, ann), Socket.signedIn(two, bob)]);
  for (const socket of [a, b]) {
    socket.push({ op: "subscribe", conversation: id });
    await socket.got("subscribed");
  }
  a.push({ op: "send", conversation: id, text: "Hello, Bob", nonce: "n-1" });
  expect(await a.got("ack")).toMatchObject({ seq: 1 });
  expect(await b.got("message")).toMatchObject({ seq: 1, text: "Hello, Bob" });
  b.push({ op: "send", conversation: id, text: "Hello, Ann", nonce: "n-1" });
  expect(await a.got("message", 2)).toMatchObject({ seq: 2, text: "Hello, Ann" });

  await nats.kill();
  for (const text of ["are", "you", "there"]) await say(ann, id, text);
  expect(b.seqs()).toEqual([1, 2]);
  await nats.start();
  await Promise.all([a, b].map((socket) => socket.got("message", 5)));
  await eventually(() =>
    gateways.every(({ registry }) => registry.actions.isAvailable("v1.chat.sendMessage")),
  );
  a.push({ op: "send", conversation: id, text: "back again", nonce: "n-2" });
  for (const socket of [a, b]) {
    await socket.got("message", 6);
    expect(socket.seqs()).toEqual([1, 2, 3, 4, 5, 6]);
  }
  expect([one, two].map((gateway) => gatewayOf(gateway).realtime.feeds.size)).toEqual([1, 1]);
});

// A gateway, and two chat services as processes that are killed: tails are compared at once, not at the next interval.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { type Caller, call } from "../../../lib/contract.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { startVeche, type Veche } from "../../../test/servers/processes.ts";
import { type ServerHandle, startMongo, startNats } from "../../../test/servers/servers.ts";
import { addUsers, callsOf, makeBroker, testConfig } from "../../../test/support/chat.ts";
import { addGateway, gatewayReady, Socket, somebody } from "../../../test/support/gateway.ts";
import socialService from "../../social/social.service.ts";

const NEVER_MS = 60 * 60_000;
const COMPARE = "v1.chat.compareTails";

let nats: ServerHandle;
let mongo: ServerHandle;
let gateway: ServiceBroker;
let users: Set<string>;
let chats: Veche[];

beforeAll(async () => {
  [nats, mongo] = await Promise.all([startNats(), startMongo()]);
  const env = { NATS_URL: nats.url, MONGO_URL: mongo.url };
  gateway = makeBroker({ ...testConfig(), cluster: true, NATS_URL: nats.url, NODE_ID: "gateway" });
  users = addUsers(gateway);
  // Of rooms nothing is asked here, but that they are there.
  gateway.createService({ name: "rooms", version: 1 });
  gateway.createService({ ...socialService });
  addGateway(gateway, { tailCheckMs: NEVER_MS });
  await gateway.start();
  const program = fileURLToPath(new URL("../../../test/support/last-words.ts", import.meta.url));
  const start = (name: string) => startVeche({ name, services: ["chat"], program, env });
  chats = await Promise.all(["chat-1", "chat-2"].map(start));
  await Promise.all(chats.map((chat) => chat.ready()));
  await gatewayReady(gateway);
  await eventually(() => nodesOfChat() === 2);
});
afterAll(async () => {
  await gateway?.stop();
  await Promise.all([...(chats ?? []), nats, mongo].map((server) => server?.remove()));
});

const nodesOfChat = (): number =>
  gateway.registry
    .getServiceList({ onlyAvailable: true })
    .filter(({ fullName }: { fullName: string }) => fullName === "v1.chat").length;

/** Ann has a chat with Bob, who listens. */
async function listening(): Promise<{ say: (text: string) => Promise<unknown>; b: Socket }> {
  const [ann, bob]: Caller[] = [somebody(), somebody()];
  if (!ann || !bob) throw new Error("nobody");
  users.add(bob.id);
  const as = { meta: { user: ann } };
  const params = { participant_id: bob.id };
  const { chat_id: id } = await call(gateway, "v1.chat.createDirectChat", params, as);
  const b = await Socket.signedIn(gateway, bob);
  b.push({ op: "subscribe", conversation: id });
  await b.got("subscribed");
  // Tried once: another writer would find it by its nonce, and publish it.
  const say = (text: string) => call(gateway, "v1.chat.sendMessage", { id, text }, { ...as, retries: 0 });
  return { say, b };
}

const reborn = async () => {
  // Missed first: two may else be the one that lives and the one that died.
  await eventually(() => nodesOfChat() === 1);
  const dead = chats.find(({ running }) => !running);
  await dead?.start();
  await eventually(() => nodesOfChat() === 2);
};

test("a writer that is killed between write and publication: the message comes when it is missed in the mesh", async () => {
  const { say, b } = await listening();
  await say("one");
  await b.got("message");
  const before = callsOf(gateway, COMPARE);
  await expect(say("last words")).rejects.toThrow();
  expect(await b.got("message", 2)).toMatchObject({ seq: 2, text: "last words" });
  expect(callsOf(gateway, COMPARE)).toBeGreaterThan(before);
  await say("three");
  await b.got("message", 3);
  expect(b.seqs()).toEqual([1, 2, 3]);
  await reborn();
});

test("a chat service that is killed leads to a comparison; where nothing was lost nothing is read", async () => {
  const { say, b } = await listening();
  await say("one");
  await b.got("message");
  const before = callsOf(gateway, COMPARE);
  const read = callsOf(gateway, "v1.chat.readEntries");
  await chats[0]?.kill();
  await eventually(() => callsOf(gateway, COMPARE) > before);
  await reborn();
  expect(callsOf(gateway, "v1.chat.readEntries")).toBe(read);
  expect(b.seqs()).toEqual([1]);
});

test("after NATS was away all conversations are compared by one call", async () => {
  const all = [await listening(), await listening(), await listening()];
  for (const { say, b } of all) {
    await say("one");
    await b.got("message");
  }
  const read = callsOf(gateway, "v1.chat.readEntries");
  const before = callsOf(gateway, COMPARE);
  await nats.kill();
  await nats.start();
  await eventually(() => callsOf(gateway, COMPARE) > before);
  await eventually(() => nodesOfChat() === 2);
  expect(callsOf(gateway, "v1.chat.readEntries")).toBe(read);
  // The mesh's own connection may come back later than the bus.
  await eventually(() => all[0]?.say("two"));
  await all[0]?.b.got("message", 2);
});

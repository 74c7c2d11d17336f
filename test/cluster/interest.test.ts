/** @jest-environment ./test/servers/environment.ts */
// What is said reaches the gateways that somebody listens at, and no others: counted where it arrives.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { VecheClient } from "../../clients/ts/client.ts";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { uniqueName } from "../support/http.ts";

const GATEWAYS = ["gateway-1", "gateway-2", "gateway-3"] as const;
type Gateway = (typeof GATEWAYS)[number];

let cluster: Cluster;
let ann: VecheClient;
let bob: VecheClient;

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      ...Object.fromEntries(GATEWAYS.map((name) => [name, ["api"]])),
      core: allBut("api"),
    },
  });
  [ann, bob] = [await signUp("gateway-1"), await signUp("gateway-1")];
});
afterAll(() => cluster?.stop());

async function signUp(gateway: Gateway): Promise<VecheClient> {
  const client = new VecheClient(cluster.node(gateway).baseUrl);
  await client.register({ email: `${uniqueName()}@example.com`, password: "correct horse" });
  return client;
}

const idOf = ({ tokens }: VecheClient): string => tokens?.user_id ?? "";

/** The same user at another gateway. */
function at(gateway: Gateway, { tokens }: VecheClient): VecheClient {
  const client = new VecheClient(cluster.node(gateway).baseUrl);
  client.tokens = tokens;
  return client;
}

/** How many messages each gateway has received, in the order of their names. */
const received = (kind: "conversation" | "user"): Promise<number[]> =>
  Promise.all(
    GATEWAYS.map(async (name) => {
      const metrics = await (await fetch(`${cluster.node(name).healthUrl}/metrics`)).text();
      const line = metrics
        .split("\n")
        .find((each) => each.startsWith("veche_realtime_received_total{") && each.includes(`"${kind}"`));
      return line === undefined ? 0 : Number(line.split(" ")[1]);
    }),
  );

test("a conversation whose listeners are at one of three gateways: the other two receive none of its messages", async () => {
  const chat = await ann.openChat(idOf(bob));
  const seen: number[] = [];
  const [annsLive, bobsLive] = [await ann.connect(), await bob.connect()];
  await annsLive.subscribe(chat, () => {});
  await bobsLive.subscribe(chat, ({ seq }) => seen.push(seq));
  expect(await received("conversation")).toEqual([0, 0, 0]);
  const sender = at("gateway-2", ann);
  for (let i = 1; i <= 100; i++) await sender.sendMessage(chat, `message ${i}`);
  await eventually(() => seen.length === 100);
  // Once for each message, though two listen.
  expect(await received("conversation")).toEqual([100, 0, 0]);

  const elsewhere = await at("gateway-3", bob).connect();
  await elsewhere.subscribe(chat, ({ seq }) => seen.push(seq));
  await sender.sendMessage(chat, "to two gateways");
  await eventually(() => seen.length === 102);
  expect(await received("conversation")).toEqual([101, 0, 1]);

  // The listener has gone: so has its gateway's interest, as soon as the gateway has seen the end.
  await elsewhere.close();
  await bobsLive.close();
  let sent = 0;
  await eventually(async () => {
    const [, , before] = await received("conversation");
    await sender.sendMessage(chat, `nobody is at gateway 3 (${++sent})`);
    await eventually(async () => (await received("conversation"))[0] === 101 + sent);
    return (await received("conversation"))[2] === before;
  });
  await annsLive.close();
});

test("what is for a user reaches the gateways where the user is, and no others", async () => {
  const carol = await signUp("gateway-1");
  const lives = await Promise.all([
    ...[carol, at("gateway-2", carol), at("gateway-2", carol)].map((client) => client.connect()),
    at("gateway-3", bob).connect(),
  ]);
  const told: number[] = [];
  for (const [i, live] of lives.entries()) live.onChatCreated = () => told.push(i);
  const before = await received("user");
  await at("gateway-3", ann).openChat(idOf(carol));
  await eventually(() => told.length === 3);
  const after = await received("user");
  expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([1, 1, 0]);
  expect(told.sort()).toEqual([0, 1, 2]);
  await Promise.all(lives.map((live) => live.close()));
});

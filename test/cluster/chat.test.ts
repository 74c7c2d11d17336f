import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { VecheClient } from "../../clients/ts/client.ts";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { twoPeopleTalk } from "../support/conversation.ts";
import { uniqueName } from "../support/http.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      "gateway-1": ["api"],
      "gateway-2": ["api"],
      "core-1": allBut("api", "chat"),
      "chat-1": ["chat"],
      "chat-2": ["chat"],
    },
  });
});
afterAll(() => cluster?.stop());

const signUp = async (node: string) => {
  const client = new VecheClient(cluster.node(node).baseUrl);
  await client.register({ email: `${uniqueName()}@example.com`, password: "correct horse" });
  return client;
};

test("two people at different gateways register and talk, live", async () => {
  await twoPeopleTalk(cluster.node("gateway-1").baseUrl, cluster.node("gateway-2").baseUrl);
});

test("fifty of the same nonce at once, over both gateways, make one message", async () => {
  const [ann, bob] = [await signUp("gateway-1"), await signUp("gateway-2")];
  const chat = await ann.openChat(bob.tokens?.user_id ?? "");
  const elsewhere = new VecheClient(cluster.node("gateway-2").baseUrl);
  elsewhere.tokens = ann.tokens;
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => (i % 2 ? ann : elsewhere).sendMessage(chat, "once", "the-same")),
  );
  expect(new Set(answers.map(({ seq }) => seq))).toEqual(new Set([1]));
  expect((await bob.listMessages(chat)).messages).toHaveLength(1);
});

test("a chat process and NATS are killed while people talk: what was acknowledged arrives, once and in order", async () => {
  const [ann, bob] = [await signUp("gateway-1"), await signUp("gateway-2")];
  const chat = await ann.openChat(bob.tokens?.user_id ?? "");
  const seen: number[] = [];
  const live = await bob.connect();
  await live.subscribe(chat, ({ seq }) => seen.push(seq));

  const acknowledged: number[] = [];
  const send = async (i: number) => {
    // Tried again with the same nonce until it is acknowledged, as a client does.
    const { seq } = await eventually(() => ann.sendMessage(chat, `message ${i}`, `nonce-${i}`), {
      within: 30_000,
      every: 100,
    });
    acknowledged.push(seq);
  };
  let sent = 0;
  const talk = async (count: number) => {
    await Promise.all(Array.from({ length: count }, () => send(sent++)));
  };
  await talk(20);
  for (const server of [cluster.node("chat-1"), cluster.nats, cluster.node("chat-2"), cluster.mongo]) {
    const during = talk(20);
    await server.kill();
    await server.start();
    await during;
  }
  expect(acknowledged.toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
  await eventually(() => seen.length >= sent, { within: 20_000 });
  expect(seen).toEqual(acknowledged.toSorted((a, b) => a - b));
});

test("who is removed from a room at one gateway gets and writes nothing more at the other", async () => {
  const [ann, bob] = [await signUp("gateway-1"), await signUp("gateway-2")];
  const { id } = await ann.createRoom({ name: uniqueName("r"), is_private: true });
  await ann.invite(id, bob.tokens?.user_id ?? "");
  const seen: string[] = [];
  let ended = false;
  const live = await bob.connect();
  await live.subscribe(id, {
    onMessage: ({ type, text }) => seen.push(type === "message" ? text : type),
    onEnded: () => {
      ended = true;
    },
  });
  let sending = true;
  const talk = (async () => {
    for (let i = 0; sending; i++) await ann.sendMessage(id, `number ${i}`);
  })();
  await bob.listMessages(id);
  await ann.removeMember(id, bob.tokens?.user_id ?? "").finally(() => {
    sending = false;
  });
  // Asked at once, at the other gateway, where it was just allowed.
  await expect(bob.listMessages(id)).rejects.toMatchObject({ status: 404 });
  await expect(bob.sendMessage(id, "still here")).rejects.toMatchObject({ status: 404 });
  await expect(live.send(id, "still here")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect((await bob.connect()).subscribe(id, () => {}, 0)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await talk;
  await ann.sendMessage(id, "the end");
  await eventually(() => ended);
  expect(seen.at(-1)).toBe("leave");
  const all = (await ann.listMessages(id, { limit: 100 })).messages;
  expect(all[0]).toMatchObject({ text: "the end" });
  expect(JSON.stringify(all)).not.toContain("still here");
});

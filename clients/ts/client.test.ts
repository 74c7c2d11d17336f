import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../test/servers/eventually.ts";
import { type ChatBroker, makeChat } from "../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, somebody, tokenOf } from "../../test/support/gateway.ts";
import { LiveConnection } from "./client.ts";

let chat: ChatBroker;
let url: string;
beforeAll(async () => {
  chat = makeChat();
  addGateway(chat.broker);
  await chat.broker.start();
  await gatewayReady(chat.broker);
  url = `ws://127.0.0.1:${(gatewayOf(chat.broker).server.address() as AddressInfo).port}/v1/ws`;
});
afterAll(() => chat.broker.stop());

test("two clients talk; each entry is shown once, and a refusal rejects", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  const { chat_id } = (await chat.broker.call("v1.chat.createDirectChat", params, {
    meta: { user: ann },
  })) as {
    chat_id: string;
  };
  const [a, b] = await Promise.all([ann, bob].map((user) => LiveConnection.open(url, tokenOf(user))));
  if (!a || !b) throw new Error("no connection");
  const seen: string[] = [];
  expect(await b.subscribe(chat_id, ({ seq, text }) => seen.push(`${seq} ${text}`), 0)).toBe(0);
  expect(await a.send(chat_id, "one", "n-1")).toMatchObject({ seq: 1 });
  expect(await a.send(chat_id, "one", "n-1")).toMatchObject({ seq: 1 });
  expect(await a.send(chat_id, "two")).toMatchObject({ seq: 2 });
  await eventually(() => seen.length === 2);
  expect(seen).toEqual(["1 one", "2 two"]);
  await expect(a.send(chat_id, "other", "n-1")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  await expect(a.subscribe("1", () => {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await a.close()).toMatchObject({ code: 1000 });
  await b.close();
});

test("a bad token rejects", async () => {
  await expect(LiveConnection.open(url, "nonsense")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
});

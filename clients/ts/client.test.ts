import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { call } from "../../lib/contract.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type ChatBroker, makeChat } from "../../test/support/chat.ts";
import { addGateway, gatewayOf, gatewayReady, somebody, tokenOf } from "../../test/support/gateway.ts";
import { type Deleted, type Edited, LiveConnection, type Message } from "./client.ts";

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

test("edits and deletions are shown once and in order, live and on resuming", async () => {
  const [ann, bob] = [somebody(), somebody()];
  chat.users.add(bob.id);
  const as = { meta: { user: ann } };
  const { chat_id: id } = await call(chat.broker, "v1.chat.createDirectChat", { participant_id: bob.id }, as);
  const follow = async (seen: unknown[]) => {
    const live = await LiveConnection.open(url, tokenOf(bob));
    const show = {
      onMessage: ({ seq, text, deleted }: Message) => seen.push([seq, text, deleted]),
      onEdited: (edited: Edited) => seen.push(edited),
      onDeleted: (deleted: Deleted) => seen.push(deleted),
    };
    await live.subscribe(id, show, 0);
    await eventually(() => seen.length > 0);
    return live;
  };
  await call(chat.broker, "v1.chat.sendMessage", { id, text: "one", nonce: "n-1" }, as);
  const seen: unknown[] = [];
  const resumed: unknown[] = [];
  const live = await follow(seen);
  await call(chat.broker, "v1.chat.editMessage", { id, seq: 1, text: "ONE", nonce: "n-2" }, as);
  await call(chat.broker, "v1.chat.deleteMessage", { id, seq: 1, nonce: "n-3" }, as);
  await eventually(() => seen.length === 3);
  const edited = { conversation: id, seq: 2, target: 1, text: "ONE", edited_at_unix_ms: expect.any(Number) };
  const deleted = { conversation: id, seq: 3, target: 1 };
  expect(seen).toEqual([[1, "one", undefined], edited, deleted]);
  const back = await follow(resumed);
  await eventually(() => resumed.length === 3);
  expect(resumed).toEqual([[1, "", true], { ...edited, text: "" }, deleted]);
  await Promise.all([live.close(), back.close()]);
});

test("a bad token rejects", async () => {
  await expect(LiveConnection.open(url, "nonsense")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
});

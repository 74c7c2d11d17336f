import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Caller, call } from "../../../lib/contract.ts";
import type { UserId } from "../../../lib/ids.ts";
import { type RealtimeBus, userSubject } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import type { ChatBroker } from "../../../test/support/chat.ts";
import { gatewayOf, Socket, somebody, startLive } from "../../../test/support/gateway.ts";
import { hold } from "../../../test/support/held.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startLive({ subscriptionsPerConnection: 2, pendingSends: 3 });
});
afterAll(() => chat.broker.stop());

async function chatOf(ann: Caller): Promise<string> {
  const bob = somebody();
  chat.users.add(bob.id);
  const params = { participant_id: bob.id };
  return (await call(chat.broker, "v1.chat.createDirectChat", params, { meta: { user: ann } })).chat_id;
}

test("a connection may have only so many subscriptions at a time", async () => {
  const ann = somebody();
  const [one, two, three] = [await chatOf(ann), await chatOf(ann), await chatOf(ann)];
  const a = await Socket.signedIn(chat.broker, ann);
  for (const conversation of [one, two, three]) a.push({ op: "subscribe", conversation });
  const refused = { op: "error", code: "RESOURCE_EXHAUSTED", conversation: three, of: "subscribe" };
  expect(await a.got("error")).toMatchObject(refused);
  await a.got("subscribed", 2);
  // The same one again is no more than there were.
  a.push({ op: "subscribe", conversation: two });
  await a.got("subscribed", 3);
  a.push({ op: "unsubscribe", conversation: one });
  a.push({ op: "subscribe", conversation: three });
  expect(await a.got("subscribed", 4)).toMatchObject({ conversation: three });
  expect(a.all("error")).toHaveLength(1);
});

test("only so many messages of a connection may wait for their acknowledgement, in all conversations together", async () => {
  const ann = somebody();
  const [one, two] = [await chatOf(ann), await chatOf(ann)];
  const [a, other] = [await Socket.signedIn(chat.broker, ann), await Socket.signedIn(chat.broker, ann)];
  const { log } = chat.broker.getLocalService({ name: "chat", version: 1 }) as unknown as { log: object };
  const held = hold(log, "append");
  const send = (socket: Socket, conversation: string, nonce: string) =>
    socket.push({ op: "send", conversation, text: "hello", nonce });
  send(a, one, "n-1");
  await held.reached;
  send(a, one, "n-2");
  send(a, one, "n-3");
  const refused = { code: "RESOURCE_EXHAUSTED", of: "send" };
  send(a, two, "n-4");
  expect(await a.got("error")).toMatchObject({ ...refused, conversation: two, nonce: "n-4" });
  // Also not together with those that wait already.
  send(a, one, "n-4");
  expect(await a.got("error", 2)).toMatchObject({ ...refused, conversation: one, nonce: "n-4" });
  // Another connection has its own.
  send(other, two, "n-5");
  await other.got("ack");
  expect(a.all("ack")).toEqual([]);
  held.release();
  await a.got("ack", 3);
  send(a, two, "n-4");
  expect(await a.got("ack", 4)).toMatchObject({ conversation: two, nonce: "n-4" });
  expect(a.all("error")).toHaveLength(2);
});

/** How many listeners a user's subject has, as the gateway's bus is asked for them from now on. */
function watchSubject(bus: RealtimeBus, user: UserId): () => number {
  let listeners = 0;
  const subscribe = bus.subscribe.bind(bus);
  jest.spyOn(bus, "subscribe").mockImplementation((subject, listener) => {
    const subscription = subscribe(subject, listener);
    if (subject !== userSubject(user)) return subscription;
    listeners += 1;
    const close = () => {
      listeners -= 1;
      return subscription.close();
    };
    return { ...subscription, close };
  });
  return () => listeners;
}

test("a user's subject is listened to once, until the last connection of the user is gone", async () => {
  const ann = somebody();
  const listeners = watchSubject(gatewayOf(chat.broker).bus, ann.id);
  const [first, second] = [await Socket.signedIn(chat.broker, ann), await Socket.signedIn(chat.broker, ann)];
  expect(listeners()).toBe(1);
  first.raw.close();
  await first.closed();
  const bob = somebody();
  chat.users.add(ann.id);
  await call(chat.broker, "v1.chat.createDirectChat", { participant_id: ann.id }, { meta: { user: bob } });
  await second.got("chat_created");
  expect(listeners()).toBe(1);
  second.raw.close();
  await eventually(() => listeners() === 0);
  await Socket.signedIn(chat.broker, ann);
  expect(listeners()).toBe(1);
});

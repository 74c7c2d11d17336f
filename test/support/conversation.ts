// Two people who talk: the main job, whatever Veche runs as.
import { expect } from "@jest/globals";
import { type Message, VecheClient } from "../../clients/ts/client.ts";
import { eventually } from "../servers/eventually.ts";
import { uniqueName } from "./http.ts";

async function signUp(baseUrl: string): Promise<VecheClient> {
  const client = new VecheClient(baseUrl);
  await client.register({ email: `${uniqueName()}@example.com`, password: "correct horse" });
  return client;
}

/** Registers two users, who open a chat and see each other's messages live, once and in order. */
export async function twoPeopleTalk(annsGateway: string, bobsGateway: string): Promise<void> {
  const [ann, bob] = [await signUp(annsGateway), await signUp(bobsGateway)];
  const chat = await ann.openChat(bob.tokens?.user_id ?? "");
  expect(await bob.openChat(ann.tokens?.user_id ?? "")).toBe(chat);

  const seen: { ann: Message[]; bob: Message[] } = { ann: [], bob: [] };
  const [annsLive, bobsLive] = await Promise.all([ann.connect(), bob.connect()]);
  await annsLive.subscribe(chat, (message) => seen.ann.push(message));
  await bobsLive.subscribe(chat, (message) => seen.bob.push(message));

  const rounds = 20;
  for (let i = 0; i < rounds; i += 1) {
    await Promise.all([annsLive.send(chat, `ann ${i}`), bobsLive.send(chat, `bob ${i}`)]);
  }
  await ann.sendMessage(chat, "by REST");
  const seqs = Array.from({ length: 2 * rounds + 1 }, (_, i) => i + 1);
  await eventually(() => seen.ann.length >= seqs.length && seen.bob.length >= seqs.length);
  expect(seen.ann.map(({ seq }) => seq)).toEqual(seqs);
  expect(seen.bob).toEqual(seen.ann);
  expect(seen.ann.at(-1)).toMatchObject({ text: "by REST", sender_id: ann.tokens?.user_id });

  // What was missed comes by resuming, and the history says the same.
  await bobsLive.close();
  await annsLive.send(chat, "while bob is away");
  const back = await bob.connect();
  const resumed: Message[] = [];
  await back.subscribe(chat, (message) => resumed.push(message), seqs.length);
  await eventually(() => resumed.length > 0);
  expect(resumed.map(({ text }) => text)).toEqual(["while bob is away"]);
  const history = await bob.listMessages(chat, { limit: 100 });
  expect(history.messages.toReversed()).toEqual([...seen.bob, ...resumed]);
  expect(history.seq).toBe(seqs.length + 1);
  await Promise.all([annsLive.close(), back.close()]);
}

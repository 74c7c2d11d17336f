import { expect, test } from "@jest/globals";
import { VecheClient } from "../clients/ts/client.ts";
import { makeDirectory, removeDirectory } from "./servers/custody.ts";
import { startVeche } from "./servers/processes.ts";
import { twoPeopleTalk } from "./support/conversation.ts";
import { startEmbedded } from "./support/embedded.ts";
import { request, signUp, uniqueName } from "./support/http.ts";

test("two people register and talk, live", async () => {
  const veche = await startEmbedded();
  await twoPeopleTalk(veche.baseUrl, veche.baseUrl);
  await veche.stop();
});

test("kill -9 of a process by itself loses nothing that it acknowledged", async () => {
  const directory = makeDirectory("embedded");
  const veche = await startVeche({ name: "veche", directory });
  await veche.ready();
  const [ann, bob] = [new VecheClient(veche.baseUrl), new VecheClient(veche.baseUrl)];
  const credentials = { email: `${uniqueName()}@example.com`, password: "correct horse" };
  await ann.register(credentials);
  await bob.register({ ...credentials, email: `x${credentials.email}` });
  const chat = await ann.openChat(bob.tokens?.user_id ?? "");
  const acknowledged = new Map<number, string>();
  let next = 0;
  const send = async () => {
    while (next < 1_000) {
      const text = `message ${next++}`;
      const { seq } = await ann.sendMessage(chat, text);
      acknowledged.set(seq, text);
      if (acknowledged.size === 200) await veche.kill();
    }
  };
  await Promise.allSettled(Array.from({ length: 16 }, send));
  expect(acknowledged.size).toBeGreaterThanOrEqual(200);
  expect(next).toBeLessThan(1_000);

  await veche.start();
  // The same account, session and secrets: nobody is signed out.
  const again = new VecheClient(veche.baseUrl);
  again.tokens = ann.tokens;
  const kept = new Map<number, string>();
  let cursor: string | undefined;
  do {
    const page = await again.listMessages(chat, { limit: 100, ...(cursor ? { cursor } : {}) });
    for (const { seq, text } of page.messages) kept.set(seq, text);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  for (const [seq, text] of acknowledged) expect(kept.get(seq)).toBe(text);
  expect([...kept.keys()].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: kept.size }, (_, i) => i + 1),
  );
  expect(new Set(kept.values()).size).toBe(kept.size);

  await veche.remove();
  removeDirectory(directory);
});

test("SIGTERM under load: what is under way is answered, and the process ends with 0", async () => {
  const directory = makeDirectory("embedded");
  const veche = await startVeche({ name: "veche", directory });
  await veche.ready();
  const ann = await signUp(veche.baseUrl);
  const requests = Array.from({ length: 50 }, () =>
    request(veche.baseUrl, "PATCH", "/v1/profile", { token: ann.accessToken, body: { bio: "hello" } }),
  );
  // The first answer says that they are under way.
  await Promise.race(requests);
  const ended = veche.stop();
  const answers = await Promise.allSettled(requests);
  for (const answer of answers) {
    // A connection that was not accepted yet is refused; none that was is dropped.
    if (answer.status === "fulfilled") expect(answer.value.status).toBe(200);
  }
  expect(answers.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
  expect(await ended).toMatchObject({ code: 0 });
  await veche.remove();
  removeDirectory(directory);
});

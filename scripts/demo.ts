// `npm run demo`: two users register, open a chat and see each other's messages live, against a running Veche.
import { parseArgs } from "node:util";
import type { VecheClient as Client, Message } from "../clients/ts/client.ts";
import { onSignal } from "./signals.ts";

onSignal(() => process.exit(1));
const { VecheClient } = await import("../clients/ts/client.ts");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { "delete-accounts": { type: "boolean" } },
});
const url = positionals[0] ?? "http://localhost:3000";
const unknown = Object.keys(values).filter((option) => option !== "delete-accounts");
if (unknown.length > 0 || positionals.length > 1 || !/^https?:\/\//.test(url)) {
  console.log(`Usage: npm run demo [-- [--delete-accounts] <url of a running Veche>]
default: http://localhost:3000; --delete-accounts leaves nothing behind`);
  process.exit(unknown.some((option) => option === "help" || option === "h") ? 0 : 1);
}

const PASSWORD = "correct horse battery";
const unique = Math.random().toString(36).slice(2, 8);

async function signUp(name: string): Promise<Client> {
  const client = new VecheClient(url);
  const email = `${name}.${unique}@example.com`;
  await client.register({ email, password: PASSWORD, nickname: `${name}_${unique}` });
  console.log(`${name} registered as ${email}`);
  return client;
}

try {
  const [ann, bob] = [await signUp("ann"), await signUp("bob")];
  const chat = await ann.openChat(bob.tokens?.user_id ?? "");
  console.log(`ann opened chat ${chat} with bob\n`);

  const [annLive, bobLive] = await Promise.all([ann.connect(), bob.connect()]);
  const name = (message: Message) => (message.sender_id === ann.tokens?.user_id ? "ann" : "bob");
  const show = async (viewer: string, live: typeof annLive): Promise<() => Promise<void>> => {
    const all = Promise.withResolvers<void>();
    await live.subscribe(chat, (message) => {
      console.log(`  ${viewer} sees  ${message.seq} ${name(message)}: ${message.text}`);
      if (message.seq === 3) all.resolve();
    });
    return () => all.promise;
  };
  const seen = [await show("ann", annLive), await show("bob", bobLive)];

  await annLive.send(chat, "Hello, Bob!");
  await bobLive.send(chat, "Hello, Ann! Does it work?");
  await annLive.send(chat, "It does.");
  await Promise.all(seen.map((all) => all()));
  await Promise.all([annLive.close(), bobLive.close()]);
  console.log("\nEach message was in the database before it was acknowledged.");
  if (values["delete-accounts"]) {
    for (const user of [ann, bob]) await user.request("DELETE", "/v1/account", { password: PASSWORD });
    console.log("Both accounts are deleted.");
  }
} catch (error) {
  const refused = error instanceof TypeError;
  console.error(
    refused ? `Nothing answers at ${url}. Run \`npm start\` first.` : `It did not work: ${error}`,
  );
  process.exitCode = 1;
}

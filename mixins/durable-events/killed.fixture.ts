// A process for the tests to kill: publishes as many events as it is told and handles them, slowly, noting each.
import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { loadConfig } from "../../lib/config.ts";
import { makeBroker, reader, register } from "./fixture.ts";

const [dataDir = "", notes = "", count = "0"] = process.argv.slice(2);

const broker = makeBroker({
  config: loadConfig(process.env, true),
  database: { dataDir },
  patience: { maxInFlight: 4, ackWait: 2_000 },
  services: [
    reader("reader", async ({ user_id }) => {
      await wait(5);
      appendFileSync(notes, `handled ${user_id}\n`);
    }),
  ],
});
await broker.start();
for (let i = 0; i < Number(count); i++) {
  appendFileSync(notes, `published ${await register(broker)}\n`);
  // Faster than the four handlers, so that a kill leaves some to be handled, and not so fast that it leaves thousands.
  if (i % 3 === 2) await wait(1);
}
// Retries and deliveries don't keep a process alive; the gateway of a real one does.
setInterval(() => {}, 1_000);

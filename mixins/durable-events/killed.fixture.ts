// A process for the tests to kill: publishes as many events as it is told and handles them, slowly, noting each.
import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Service, ServiceBroker } from "moleculer";
import { z } from "zod";
import { loadConfig } from "../../lib/config.ts";
import { newUserId, UserIdSchema } from "../../lib/ids.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { provideRuntime } from "../runtime.ts";
import { defineService } from "../service.ts";
import { consume, durableEvents, publish } from "./durable-events.ts";

const [dataDir = "", notes = "", count = "0"] = process.argv.slice(2);

const config = loadConfig(process.env, true);
const broker = new ServiceBroker({
  logger: false,
  middlewares: [durableEvents(config, { maxInFlight: 4, ackWait: 2_000 })],
});
provideRuntime(broker, { config, keys: secretKeyRing("a secret of the tests"), database: { dataDir } });
broker.createService(
  defineService({
    name: "reader",
    channels: consume<Service>({
      "user.registered": {
        schema: z.object({ user_id: UserIdSchema }),
        async handler({ user_id }) {
          await wait(5);
          appendFileSync(notes, `handled ${user_id}\n`);
        },
      },
    }),
  }),
);
await broker.start();
for (let i = 0; i < Number(count); i++) {
  const user_id = newUserId();
  await publish(broker, "user.registered", { user_id });
  appendFileSync(notes, `published ${user_id}\n`);
}
// Retries and deliveries don't keep a process alive; the gateway of a real one does.
setInterval(() => {}, 1_000);

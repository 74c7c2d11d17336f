// `npm run repl`: Moleculer's console, joined to a running cluster over NATS_URL.
import { onSignal } from "./signals.ts";

onSignal(() => process.exit(0));
const { configFromEnvironment, end, makeBroker } = await import("./process.ts");

const config = configFromEnvironment(true);
if (!config.cluster) {
  end(["NATS_URL says which cluster to join. For a single process with a console run `npm run dev`."]);
}
const broker = makeBroker({ ...config, LOG_LEVEL: "warn" });
await broker.start();
await broker.repl();

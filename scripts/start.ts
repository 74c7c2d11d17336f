// Starts Veche: all services, or those that SERVICES names. `npm start -- --help` tells more.
import type { ServiceBroker } from "moleculer";
import { type Config, ConfigError } from "../lib/config.ts";
import { runtimeOf } from "../mixins/runtime.ts";
import { configFromEnvironment, end, makeBroker } from "./process.ts";
import { loadServices, serviceNames } from "./services.ts";

const HELP = `Usage: npm start            all services in this one process, on http://localhost:3000
       npm start -- --repl   with Moleculer's console
       SERVICES=auth,users NATS_URL=… MONGO_URL=… npm start
                             some services, as a part of a cluster

Services: ${serviceNames().join(", ")}
The variables PORT, HOST and DATA_DIR say where it listens and where it keeps its data.
The README has the table of all variables.`;

async function main(): Promise<void> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    console.log(HELP);
    return;
  }
  const config = configFromEnvironment();
  const services = await loadServices(config.SERVICES).catch((error: unknown) => {
    if (error instanceof ConfigError) return end(error.problems);
    throw error;
  });
  const broker = makeBroker(config);
  for (const schema of services) broker.createService(schema);
  stopOnSignal(broker, config);
  await broker.start();
  welcome(broker, config);
  if (process.argv.includes("--repl")) broker.repl();
}

/**
 * Not ready any more, but serving on until balancers have seen it; then no new requests, those under way are answered,
 * and the node leaves the mesh. A second signal ends at once.
 */
function stopOnSignal(broker: ServiceBroker, config: Config): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    const { lifecycle } = runtimeOf(broker);
    lifecycle.draining = true;
    await new Promise((passed) => setTimeout(passed, config.DRAIN_DELAY_MS));
    await lifecycle.closeDoors();
    await broker.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

function welcome(broker: ServiceBroker, config: Config): void {
  const names = broker.services.map(({ name }) => name).filter((name) => !name.startsWith("$"));
  const gateway = broker.getLocalService("api") as unknown as
    | { server: import("node:http").Server }
    | undefined;
  const address = gateway?.server.address();
  if (typeof address !== "object" || !address) {
    console.log(`Veche runs ${names.join(", ")}.`);
    return;
  }
  const host = ["127.0.0.1", "0.0.0.0", "::"].includes(config.HOST) ? "localhost" : config.HOST;
  const url = `http://${host}:${address.port}`;
  console.log(`Veche is at ${url}

  ${url}/docs   the API, to try in the browser
  npm run demo -- ${url}   two users talk to each other
  Register from a shell:
    curl -s ${url}/v1/register -H 'Content-Type: application/json' \\
      -d '{"email": "ann@example.com", "password": "correct horse", "nickname": "ann"}'

${config.cluster ? `This process is part of the cluster ${config.NAMESPACE} and runs ${names.join(", ")}.` : `Data is kept in ${config.DATA_DIR}.`} Ctrl+C stops.`);
}

await main().catch((error: unknown) =>
  end([error instanceof Error ? (error.stack ?? error.message) : String(error)]),
);

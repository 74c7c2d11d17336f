// Starts Veche: all services, or those that SERVICES names. `npm start -- --help` tells more.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import type { Config } from "../lib/config.ts";
import { onSignal } from "./signals.ts";

// Nothing runs yet that would have to be stopped.
onSignal(() => process.exit(0));
const { ConfigError } = await import("../lib/config.ts");
const { runtimeOf } = await import("../mixins/runtime.ts");
const { configFromEnvironment, end, makeBroker } = await import("./process.ts");
const { loadServices, serviceNames } = await import("./services.ts");

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
  onSignal(() => stop(broker, config));
  const { lifecycle } = runtimeOf(broker);
  if (!config.cluster && config.DATA_DIR) await announceReading(config.DATA_DIR);
  await broker.start().catch((error: unknown) => {
    // What a signal stopped does not come to its end, and that is no failure.
    if (!lifecycle.draining) throw error;
  });
  if (lifecycle.draining) return;
  welcome(broker, config);
  if (process.argv.includes("--repl")) broker.repl();
}

/** Of so many bytes the reading takes seconds. */
const LONG_READING = 64 * 1024 * 1024;

async function announceReading(directory: string): Promise<void> {
  // Whoever reads them tells what is wrong with them.
  const names = await readdir(directory).catch(() => []);
  const sizeOf = (name: string) =>
    stat(join(directory, name)).then(
      ({ size }) => size,
      () => 0,
    );
  const sizes = await Promise.all(names.filter((name) => name.endsWith(".db")).map(sizeOf));
  const size = sizes.reduce((sum, each) => sum + each, 0);
  if (size > LONG_READING) console.log(`Reading ${Math.round(size / 1024 ** 2)} MiB from ${directory} …`);
}

/**
 * Not ready any more, but serving on until balancers have seen it; then no new requests, those under way are answered,
 * and the node leaves the mesh.
 */
async function stop(broker: ServiceBroker, config: Config): Promise<void> {
  const { lifecycle } = runtimeOf(broker);
  lifecycle.draining = true;
  await new Promise((passed) => setTimeout(passed, config.DRAIN_DELAY_MS));
  await lifecycle.closeDoors();
  await broker.stop();
  process.exit(0);
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

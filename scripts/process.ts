// Makes a broker of the environment: configuration, keys, the lock on DATA_DIR.
import { existsSync } from "node:fs";
import { ServiceBroker } from "moleculer";
import { type Config, ConfigError, loadConfig } from "../lib/config.ts";
import { keptSecret, lockDataDir } from "../lib/data-dir.ts";
import { directoryKeyRing, type KeyRing, secretKeyRing } from "../lib/keys.ts";
import brokerOptions from "../moleculer.config.ts";

/**
 * Reads and checks everything before anything is touched. Ends the process with one line for each thing that is wrong.
 * @param guest for a tool that joins a cluster without running a service
 */
export function configFromEnvironment(guest = false): Config {
  // What is set already wins over the file.
  if (existsSync(".env")) process.loadEnvFile(".env");
  const config = orEnd(() => loadConfig(process.env, guest));
  // Run where a node runs, a guest must not take its name or its port: the mesh would end the node.
  return guest ? { ...config, NODE_ID: undefined, HEALTH_PORT: undefined } : config;
}

/** A process by itself locks its DATA_DIR and makes the secrets that it was not given. */
function prepare(config: Config): { config: Config; keys: KeyRing } {
  const directory = config.DATA_DIR;
  // What can be wrong is found before anything is touched.
  if (config.JWT_KEYS_DIR) orEnd(() => keyRing(config));
  if (config.cluster || directory === undefined) return { config, keys: orEnd(() => keyRing(config)) };
  return orEnd(() => {
    lockDataDir(directory);
    const whole = {
      ...config,
      JWT_SECRET: config.JWT_SECRET ?? keptSecret(directory, "jwt"),
      REFRESH_SECRET: config.REFRESH_SECRET ?? keptSecret(directory, "refresh"),
    };
    return { config: whole, keys: keyRing(whole) };
  });
}

const PORT_TAKEN = /^Port (\d+) is already in use!$/;

export function makeBroker(config: Config): ServiceBroker {
  const prepared = prepare(config);
  const broker = new ServiceBroker(brokerOptions(prepared.config, prepared.keys));
  // Moleculer's own way logs a stack, and not where who typed the command looks.
  broker.fatal = (message) =>
    end([message.replace(PORT_TAKEN, "PORT $1 is in use by another process. Set another PORT.")]);
  return broker;
}

function keyRing({ JWT_KEYS_DIR, JWT_SECRET = "" }: Config): KeyRing {
  if (!JWT_KEYS_DIR) return secretKeyRing(JWT_SECRET);
  try {
    return directoryKeyRing(JWT_KEYS_DIR);
  } catch (error) {
    throw new Error(`JWT_KEYS_DIR: ${(error as Error).message}`);
  }
}

function orEnd<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return end(error instanceof ConfigError ? error.problems : [(error as Error).message]);
  }
}

export function end(problems: string[]): never {
  for (const problem of problems) console.error(`veche: ${problem}`);
  process.exit(1);
}

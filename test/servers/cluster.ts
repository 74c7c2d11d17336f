// A whole Veche cluster for a test: the three servers and some nodes, each a real process, gone when the test is over.
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serviceNames } from "../../scripts/services.ts";
import { makeDirectory, removeDirectory } from "./custody.ts";
import { startVeche, type Veche } from "./processes.ts";
import type { ServerHandle } from "./server.ts";
import { type NatsOptions, type RedisOptions, startMongo, startNats, startRedis } from "./servers.ts";

export interface ClusterOptions {
  /** Names of the nodes, and which services each runs. */
  nodes: Record<string, string[]>;
  /** For all nodes, beside the addresses of the servers. */
  env?: Record<string, string>;
  nats?: Pick<NatsOptions, "user" | "password">;
  redis?: Pick<RedisOptions, "password" | "persistent">;
  /** What a node runs instead of scripts/start.ts. */
  program?: string;
}

/** What a node runs that has all the rest: a gateway is ready when all services are there. */
export const allBut = (...services: string[]): string[] =>
  serviceNames().filter((name) => !services.includes(name));

const LOGS = fileURLToPath(new URL("../.cache/logs", import.meta.url));

interface Servers {
  nats: ServerHandle;
  redis: ServerHandle;
  mongo: ServerHandle;
}

export class Cluster {
  readonly nats: ServerHandle;
  readonly redis: ServerHandle;
  readonly mongo: ServerHandle;
  /** Where all processes have their data and logs. */
  readonly directory: string;
  readonly #options: ClusterOptions;
  readonly #nodes = new Map<string, Veche>();

  constructor(directory: string, servers: Servers, options: ClusterOptions) {
    this.nats = servers.nats;
    this.redis = servers.redis;
    this.mongo = servers.mongo;
    this.directory = directory;
    this.#options = options;
  }

  node(name: string): Veche {
    const node = this.#nodes.get(name);
    if (node === undefined)
      throw new Error(`no node ${name}; there are ${[...this.#nodes.keys()].join(", ")}`);
    return node;
  }

  get nodes(): Veche[] {
    return [...this.#nodes.values()];
  }

  /** Starts one more node, and does not wait until it is ready. */
  async add(
    name: string,
    services: string[],
    env: Record<string, string> = {},
    program = this.#options.program,
  ): Promise<Veche> {
    if (this.#nodes.has(name)) throw new Error(`there is a node ${name} already`);
    const node = await startVeche({
      name,
      services,
      directory: this.directory,
      program,
      env: {
        NATS_URL: this.nats.url,
        REDIS_URL: this.redis.url,
        MONGO_URL: this.mongo.url,
        ...this.#options.env,
        ...env,
      },
    });
    this.#nodes.set(name, node);
    return node;
  }

  /** Kills all that was started and removes what it wrote. When a test failed, the logs are kept before. */
  async stop(): Promise<void> {
    if (globalThis.testSuite?.failed) console.log(`The logs of the cluster are in ${this.keepLogs()}`);
    await Promise.all(this.nodes.map((node) => node.remove()));
    await Promise.all([this.nats, this.redis, this.mongo].map((server) => server.remove()));
    removeDirectory(this.directory);
  }

  /** Copies the logs of all processes to test/.cache/logs and returns where they are. */
  keepLogs(): string {
    return keepLogs(this.directory);
  }
}

/**
 * Starts the servers, then all nodes at once, and waits until every node is ready. Test files that use it run in
 * `environment.ts`, which knows whether a test failed.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  if (process.env.JEST_WORKER_ID !== undefined && globalThis.testSuite === undefined) {
    throw new Error("start the test file with /** @jest-environment ./test/servers/environment.ts */");
  }
  const directory = makeDirectory("cluster");
  const started: { remove: () => Promise<void> }[] = [];
  const noting = async <T extends { remove: () => Promise<void> }>(start: Promise<T>): Promise<T> => {
    const one = await start;
    started.push(one);
    return one;
  };
  try {
    const [nats, redis, mongo] = await allOf([
      noting(startNats({ ...options.nats, directory })),
      noting(startRedis({ ...options.redis, directory })),
      noting(startMongo({ directory })),
    ]);
    const cluster = new Cluster(directory, { nats, redis, mongo }, options);
    const nodes = await allOf(
      Object.entries(options.nodes).map(([name, services]) => noting(cluster.add(name, services))),
    );
    await allOf(nodes.map((node) => node.ready()));
    return cluster;
  } catch (error) {
    console.log(`The cluster did not start; its logs are in ${keepLogs(directory)}`);
    await Promise.all(started.map((one) => one.remove()));
    removeDirectory(directory);
    throw error;
  }
}

/** As Promise.all, but waits for the others when one fails, so that none starts behind our back. */
async function allOf<T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function keepLogs(directory: string): string {
  const time = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const kept = join(LOGS, `${globalThis.testSuite?.name ?? "cluster"}-${time}`);
  mkdirSync(kept, { recursive: true });
  for (const file of readdirSync(directory)) {
    if (file.endsWith(".log")) copyFileSync(join(directory, file), join(kept, file));
  }
  return kept;
}

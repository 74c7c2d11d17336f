// Veche itself as a real process: `node scripts/start.ts` with some services and an environment of its own.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.ts";
import { makeDirectory, removeDirectory } from "./custody.ts";
import { freePort } from "./ports.ts";

export interface VecheOptions {
  name: string;
  /** As in SERVICES; none means all. */
  services?: string[];
  /** Wins over what is set here, but for the ports. Nothing of the tests' own environment is passed on but PATH. */
  env?: Record<string, string>;
  /** Where data and log go, and stay; a temporary directory by default. */
  directory?: string;
  /** Another program than scripts/start.ts, absolute. */
  program?: string;
}

const START_WITHIN = 60_000;
const START = fileURLToPath(new URL("../../scripts/start.ts", import.meta.url));

const DEFAULTS = {
  NODE_ENV: "production",
  LOG_LEVEL: "info",
  JWT_SECRET: "the access tokens of the tests are signed with this",
  REFRESH_SECRET: "the refresh tokens of the tests are signed with this",
  BCRYPT_COST: "4",
  DRAIN_DELAY_MS: "0",
};

export class Veche extends Child {
  readonly services: string[];
  readonly #removable: string | undefined;
  #port = 0;
  #healthPort = 0;

  constructor({ name, services = [], env = {}, directory, program = START }: VecheOptions) {
    const home = directory ?? makeDirectory(name);
    const dataDir = join(home, name);
    mkdirSync(dataDir, { recursive: true });
    super({
      name,
      logFile: join(home, `${name}.log`),
      command: async () => {
        this.#port = await freePort();
        this.#healthPort = await freePort();
        return {
          program: process.execPath,
          args: [program],
          env: {
            PATH: process.env.PATH ?? "",
            ...DEFAULTS,
            ...(services.length === 0 ? {} : { SERVICES: services.join(",") }),
            DATA_DIR: dataDir,
            ...env,
            HOST: "127.0.0.1",
            PORT: String(this.#port),
            HEALTH_PORT: String(this.#healthPort),
          },
        };
      },
      answers: async () => {
        const answer = await fetch(`${this.healthUrl}/readyz`, {
          headers: { connection: "close" },
          signal: AbortSignal.timeout(2000),
        });
        await answer.arrayBuffer();
        return answer.status === 200;
      },
      startWithin: START_WITHIN,
    });
    this.services = services;
    this.#removable = directory === undefined ? home : undefined;
  }

  /** Where the gateway listens: `http://127.0.0.1:<PORT>`. Final once the process was ready. */
  get baseUrl(): string {
    if (this.services.length > 0 && !this.services.includes("api")) {
      throw new Error(`${this.name} is no gateway: it runs ${this.services.join(", ")}`);
    }
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where /healthz, /readyz and /metrics are. */
  get healthUrl(): string {
    return `http://127.0.0.1:${this.#healthPort}`;
  }

  /** Kills it and removes its data, unless the directory was given. */
  async remove(): Promise<void> {
    await this.kill();
    if (this.#removable !== undefined) removeDirectory(this.#removable);
  }
}

/** Starts a process; `ready()` of what it returns waits until it is ready. */
export async function startVeche(options: VecheOptions): Promise<Veche> {
  const veche = new Veche(options);
  await veche.spawn();
  return veche;
}

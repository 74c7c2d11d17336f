// What the servers of the tests have in common: a process on a loopback port, with a directory for its data.
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Child, type Exit } from "./child.ts";
import { makeDirectory, removeDirectory } from "./custody.ts";
import { freePort } from "./ports.ts";

export interface ServerHandle {
  readonly name: string;
  /** With user and password, where it has them. */
  readonly url: string;
  readonly port: number;
  /** 0 for a server that these tests did not start. */
  readonly pid: number;
  readonly running: boolean;
  /** Settles when the process that runs now ends. */
  readonly exited: Promise<Exit>;
  /** SIGKILL, and waits. The data stay. */
  kill(): Promise<Exit>;
  /** SIGTERM, and waits. The data stay. */
  stop(): Promise<Exit>;
  /** Again, on the same port with the same data; resolves when it answers. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT make a server that hangs, and wakes up again. */
  signal(name: NodeJS.Signals): void;
  log(): string;
  /** Kills it and removes its data. What is not removed goes when the test process ends. */
  remove(): Promise<void>;
}

export interface ServerOptions {
  /** Where data and log go, and stay; a temporary directory by default. */
  directory?: string;
}

export interface Recipe extends ServerOptions {
  name: string;
  program: string;
  args: (port: number, data: string) => string[];
  url: (port: number) => string;
  /** Whether this very process, and no other on the same port, answers. */
  answers: (port: number, child: Child) => Promise<boolean>;
}

const START_WITHIN = 30_000;

// Debian puts daemons into /usr/sbin, which is on root's PATH only.
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin`;

export async function startServer(recipe: Recipe): Promise<ServerHandle> {
  const directory = recipe.directory ?? makeDirectory(recipe.name);
  const data = join(directory, recipe.name);
  mkdirSync(data, { recursive: true });
  let port = 0;
  const child = new Child({
    name: recipe.name,
    logFile: join(directory, `${recipe.name}.log`),
    command: async () => {
      port = await freePort();
      return { program: recipe.program, args: recipe.args(port, data), env: { PATH } };
    },
    answers: () => recipe.answers(port, child),
    startWithin: START_WITHIN,
  });
  const remove = async () => {
    await child.kill();
    if (recipe.directory === undefined) removeDirectory(directory);
  };
  try {
    await child.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    name: recipe.name,
    port,
    url: recipe.url(port),
    get pid() {
      return child.pid;
    },
    get running() {
      return child.running;
    },
    get exited() {
      return child.exited;
    },
    kill: () => child.kill(),
    stop: () => child.stop(),
    start: () => child.start(),
    restart: () => child.restart(),
    signal: (name) => child.signal(name),
    log: () => child.log(),
    remove,
  };
}

/** Whether what listens on the port answers `greeting` with something that matches, within a second. */
export function answersWith(expected: RegExp, port: number, greeting = ""): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const tooLate = setTimeout(() => socket.destroy(), 1000);
    let answer = "";
    socket.on("connect", () => socket.write(greeting));
    socket.on("data", (bytes) => {
      answer += bytes;
      if (expected.test(answer)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(tooLate);
      resolve(expected.test(answer));
    });
  });
}

// Starts what is measured as a process of its own, and ends it.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Target {
  name: string;
  url: string;
  child: ChildProcess;
}

export interface Start {
  env?: Record<string, string>;
  /** Of node. */
  options?: string[];
}

/** @param name a file of `bench/targets` */
export async function startTarget(name: string, start: Start = {}): Promise<Target> {
  const child = startProcess(`targets/${name}.ts`, start);
  const [url] = await once(child, "message");
  return { name, url: String(url), child };
}

/** @param file of `bench` */
export function startProcess(file: string, { env = {}, options = [] }: Start = {}): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv, ...options],
  });
}

export const stopTarget = ({ child }: Target): Promise<void> => stopProcess(child);

export async function stopProcess(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** @param url of a target */
export const webSocketUrl = ({ url }: Target, path: string): string => `${url.replace("http", "ws")}${path}`;

export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

// Starts what is measured as a process of its own, and ends it.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Target {
  name: string;
  url: string;
  child: ChildProcess;
}

/** @param name a file of `bench/targets` */
export async function startTarget(name: string): Promise<Target> {
  const child = fork(fileURLToPath(new URL(`targets/${name}.ts`, import.meta.url)), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [url] = await once(child, "message");
  return { name, url: String(url), child };
}

export async function stopTarget({ child }: Target): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

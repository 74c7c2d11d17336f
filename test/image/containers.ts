// Containers as the chart's pods describe them, run by podman and runc on this machine's own network.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Container, Pod } from "../helm/chart.ts";

const execute = promisify(execFile);

/** A machine without a daemon, and perhaps itself a container: no higher limits than it has, no systemd to time a HEALTHCHECK. */
const HERE = [
  "--runtime",
  "runc",
  "--ulimit",
  "nofile=1024:1024",
  "--ulimit",
  "nproc=1000:1000",
  "--no-healthcheck",
];

export async function podman(...args: string[]): Promise<string> {
  const { stdout } = await execute("podman", args, { maxBuffer: 16 << 20 });
  return stdout.trim();
}

export interface RunOptions {
  name: string;
  image: string;
  pod: Pod;
  container: Container;
  env: Record<string, string>;
  /** Folders of this machine, by where the container has them. */
  volumes?: Record<string, string>;
  /** In the pod's stead. */
  args?: string[];
  detached: boolean;
}

/** @returns what it wrote, or for a detached one its id */
export function run({
  name,
  image,
  pod,
  container,
  env,
  volumes = {},
  args,
  detached,
}: RunOptions): Promise<string> {
  const { runAsUser, runAsGroup } = pod.securityContext as { runAsUser: number; runAsGroup: number };
  const security = container.securityContext as {
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[] };
  };
  const [runtime, ...limits] = [HERE.slice(0, 2), ...HERE.slice(2)] as [string[], ...string[]];
  return podman(
    ...runtime,
    "run",
    ...limits,
    ...["--name", name, "--network", "host", "--user", `${runAsUser}:${runAsGroup}`],
    ...security.capabilities.drop.flatMap((capability) => ["--cap-drop", capability]),
    ...["--security-opt", "no-new-privileges", ...(security.readOnlyRootFilesystem ? ["--read-only"] : [])],
    ...["--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,mode=1777,size=64m"],
    ...Object.entries(env).flatMap(([variable, value]) => ["--env", `${variable}=${value}`]),
    ...Object.entries(volumes).flatMap(([at, from]) => [
      "--volume",
      `${from}:${at}${at === "/data" ? "" : ":ro"}`,
    ]),
    ...(detached ? ["--detach"] : ["--rm"]),
    image,
    ...(args ?? container.args ?? []),
  );
}

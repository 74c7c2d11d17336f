/** @jest-environment ./test/servers/environment.ts */
// The chart's bundled NATS and Redis: real servers of this machine, with the arguments, passwords and probes of the chart.
import { afterAll, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { connect } from "nats";
import { type Container, environmentOf, type Manifest, named, render } from "../helm/chart.ts";
import { Child } from "../servers/child.ts";
import { makeDirectory, removeDirectory } from "../servers/custody.ts";
import { eventually } from "../servers/eventually.ts";
import { freePort } from "../servers/ports.ts";

const SOON = { within: 40_000, every: 100 };
const directory = makeDirectory("bundled");
const children: Child[] = [];
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  removeDirectory(directory);
});

const podOf = (manifests: Manifest[], name: string): Container =>
  named(manifests, "StatefulSet", name).spec.template.spec.containers[0];

/** The container's command on this machine: variables filled in, and what is the pod's own replaced. */
function commandOf(manifests: Manifest[], container: Container, here: [RegExp | string, string][]) {
  const secret = (name: string, key: string) => named(manifests, "Secret", name).stringData?.[key];
  const env = environmentOf(container, secret);
  const [program = "", ...rest] = [...(container.command ?? []), ...(container.args ?? [])];
  const filled = rest.map((arg) => arg.replaceAll(/\$\(([A-Z_]+)\)/g, (_, name) => env[name] ?? ""));
  const args = filled.map((arg) => here.reduce((text, [from, to]) => text.replaceAll(from, to), arg));
  return { program, args, env: { PATH: `${process.env.PATH}:/usr/sbin` } };
}

async function run(name: string, command: ReturnType<typeof commandOf>, answers: () => Promise<boolean>) {
  const child = new Child({
    name,
    logFile: `${directory}/${name}.log`,
    command: async () => command,
    answers,
    startWithin: 20_000,
  });
  children.push(child);
  await child.spawn();
  return child;
}

test("three servers of NATS find each other, keep streams three times, and answer the probes", async () => {
  const manifests = await render({ set: { "nats.bundled.replicas": 3 } });
  const container = podOf(manifests, "veche-nats");
  const ports: Record<"client" | "cluster" | "monitor", number>[] = [];
  for (let i = 0; i < 3; i++) {
    ports.push({ client: await freePort(), cluster: await freePort(), monitor: await freePort() });
  }
  const routes = ports.map(({ cluster }, i): [string, string] => [
    `veche-nats-${i}.veche-nats.talk.svc:6222`,
    `127.0.0.1:${cluster}`,
  ]);
  const servers = await Promise.all(
    ports.map(({ client, cluster, monitor }, i) => {
      const command = commandOf(manifests, container, [
        ...routes,
        ["--name=a-pod", `--name=veche-nats-${i}`],
        ["--port=4222", `--port=${client}`],
        ["0.0.0.0:6222", `127.0.0.1:${cluster}`],
        ["--http_port=8222", `--http_port=${monitor}`],
        ["--store_dir=/data", `--store_dir=${directory}/nats-${i}`],
      ]);
      return run(`nats-${i}`, command, async () => true);
    }),
  );
  for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
    for (const { monitor } of ports) {
      const url = `http://127.0.0.1:${monitor}${container[probe]?.httpGet?.path}`;
      await eventually(
        async () => (await fetch(url, { headers: { connection: "close" } })).status === 200,
        SOON,
      );
    }
  }
  const password = named(manifests, "Secret", "veche-nats").stringData?.password ?? "";
  const address = `127.0.0.1:${ports[0]?.client}`;
  await expect(connect({ servers: address })).rejects.toThrow(/authorization/i);
  const connection = await connect({ servers: address, user: "veche", pass: password });
  const manager = await eventually(() => connection.jetstreamManager(), SOON);
  const stream = await eventually(
    () => manager.streams.add({ name: "three", subjects: ["three"], num_replicas: 3 }),
    SOON,
  );
  expect(stream.cluster?.replicas?.length).toBe(2);
  await connection.close();
  expect(servers.map(({ running }) => running)).toEqual([true, true, true]);
}, 90_000);

test("Redis asks for the password, forgets what it is told to, and writes no file", async () => {
  const manifests = await render();
  const port = await freePort();
  const command = commandOf(manifests, podOf(manifests, "veche-redis"), [
    [/^6379$/g, String(port)],
    [/^\/tmp$/g, directory],
  ]);
  await run("redis", command, async () => true);
  const options = { host: "127.0.0.1", port, retryStrategy: () => 50 };
  const password = named(manifests, "Secret", "veche-redis").stringData?.password ?? "";
  const client = new Redis({ ...options, password });
  await eventually(() => client.ping(), SOON);
  const stranger = new Redis({ ...options, enableReadyCheck: false, retryStrategy: () => null });
  await expect(stranger.get("key")).rejects.toThrow("NOAUTH");
  expect(await client.config("GET", "save")).toEqual(["save", ""]);
  expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "volatile-lru"]);
  stranger.disconnect();
  client.disconnect();
});

// `scripts/image-check`: runs the image as the chart would, on real servers, and goes through the steps of `helm test`.
import assert from "node:assert/strict";
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceNames } from "../../scripts/services.ts";
import { type Container, environmentOf, named, ofKind, type Pod, render } from "../helm/chart.ts";
import { eventually } from "../servers/eventually.ts";
import { freePort } from "../servers/ports.ts";
import { startMongo, startNats, startRedis } from "../servers/servers.ts";
import { podman, run } from "./containers.ts";

const [image = "localhost/veche:0.1.0"] = process.argv.slice(2);
const RELEASE = `check${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), "veche-image-"));
const names: string[] = [];
const SOON = { within: 60_000, every: 50 };

const manifests = await render({ files: ["kind"], release: "veche", set: { config: { BCRYPT_COST: 10 } } });
const secretOf = (name: string) => named(manifests, "Secret", name).stringData ?? {};
const podOf = (kind: string, name: string) => {
  const { spec } = named(manifests, kind, name);
  const pod = (spec.template?.spec ?? spec) as Pod;
  const [container] = pod.containers;
  assert(container);
  return { pod, container };
};
const isReady = (port: number) => async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;

const [nats, redis, mongo] = await Promise.all([
  startNats({ user: "veche", password: secretOf("veche-nats").password }),
  startRedis({ password: secretOf("veche-redis").password }),
  startMongo(),
]);

/** The chart's own environment, but for the addresses of the servers. */
const envOf = (container: Container): Record<string, string> => {
  const env = environmentOf(container, (name, key) => secretOf(name)[key]);
  assert.equal(new URL(env.NATS_URL ?? nats.url).password, secretOf("veche-nats").password);
  return {
    ...env,
    ...("NATS_URL" in env ? { NATS_URL: nats.url, REDIS_URL: redis.url } : {}),
    ...("MONGO_URL" in env ? { MONGO_URL: mongo.url } : {}),
  };
};

/** What is mounted: the keys, as kubelet would write them, and the volume of photos. */
function volumesOf(service: string, pod: Pod): Record<string, string> {
  const volumes: Record<string, string> = {};
  for (const volume of pod.volumes ?? []) {
    const folder = join(directory, `${service}-${volume.name}`);
    if (volume.name === "jwt") {
      mkdirSync(folder);
      for (const { secret } of (volume.projected as { sources: { secret: { name: string } }[] }).sources) {
        for (const [file, text] of Object.entries(secretOf(secret.name)))
          writeFileSync(join(folder, file), text);
      }
      volumes["/etc/veche/jwt"] = folder;
    }
    if (volume.name === "photos") {
      mkdirSync(folder);
      chownSync(folder, 1000, 1000);
      volumes["/data"] = folder;
    }
  }
  return volumes;
}

async function start(service: string, ports: { health: number; http: number }): Promise<string> {
  const { pod, container } = podOf("Deployment", `veche-${service}`);
  const name = `${RELEASE}-${service}`;
  names.push(name);
  const env = {
    ...envOf(container),
    NODE_ID: name,
    HEALTH_PORT: String(ports.health),
    PORT: String(ports.http),
  };
  await run({ name, image, pod, container, env, volumes: volumesOf(service, pod), detached: true });
  return name;
}

try {
  const [{ Size: bytes, Config, Healthcheck: check }] = JSON.parse(await podman("image", "inspect", image));
  assert.deepEqual(Config.User, "1000:1000");
  assert(check, "the image has no HEALTHCHECK: it was not built with --format docker");

  const [job] = ofKind(manifests, "Job").filter(({ metadata }) => metadata.name.includes("-schema-"));
  assert(job);
  const schema = podOf("Job", job.metadata.name);
  const said = await run({
    name: `${RELEASE}-schema`,
    image,
    ...schema,
    env: envOf(schema.container),
    detached: false,
  });
  assert.match(said, /The schema is at version \d+\./);

  const gateway = { health: await freePort(), http: await freePort() };
  const services = serviceNames().filter((service) => service !== "api");
  const healthPorts: number[] = [];
  for (const service of services) {
    const health = await freePort();
    healthPorts.push(health);
    await start(service, { health, http: 0 });
  }
  // They wait for each other.
  for (const port of healthPorts) await eventually(isReady(port), SOON);
  const began = performance.now();
  const api = await start("api", gateway);
  await eventually(isReady(gateway.health), SOON);
  const startedWithin = performance.now() - began;

  // The steps of `helm test`, in the pod of `helm test`.
  const test = podOf("Pod", "veche-test");
  const args = [...(test.container.args ?? []).slice(0, -1), `http://127.0.0.1:${gateway.http}`];
  const talk = await run({ name: `${RELEASE}-test`, image, ...test, args, env: {}, detached: false });
  assert.match(talk, /bob sees {2}3 ann: It does\.[\s\S]*Both accounts are deleted\./);

  await podman("exec", "--env", `HEALTH_PORT=${gateway.health}`, api, "node", "scripts/healthcheck.mjs");
  const writing = podman("exec", api, "node", "-e", "fs.writeFileSync('/app/x', '')");
  await assert.rejects(writing, /EROFS|read-only/);

  // As kubelet ends a pod: the process does it within its grace, by itself.
  const grace = podOf("Deployment", "veche-api").pod.terminationGracePeriodSeconds as number;
  await podman("stop", "--time", String(grace), api);
  assert.equal(await podman("inspect", "--format", "{{.State.ExitCode}}", api), "0");

  console.log(`The image has ${Math.round(bytes / 1e6)} MB, base included.`);
  console.log(
    `A gateway was ready ${(startedWithin / 1000).toFixed(1)} s after its container was asked for.`,
  );
  console.log(`${services.length + 1} containers, read-only and not root, passed the steps of helm test.`);
} catch (error) {
  for (const name of names)
    console.error(`--- ${name}\n${await podman("logs", "--tail", "15", name).catch(String)}`);
  throw error;
} finally {
  for (const name of names) await podman("rm", "--force", "--time", "0", name).catch(() => {});
  await Promise.all([nats, redis, mongo].map((server) => server.remove()));
  rmSync(directory, { recursive: true, force: true });
}

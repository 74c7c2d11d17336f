// What single values do, and which are refused.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Variables } from "../../lib/config.ts";
import { serviceNames } from "../../scripts/services.ts";
import {
  CHART,
  environmentOf,
  type Manifest,
  named,
  ofKind,
  refusal,
  render,
  template,
  type Values,
  workloads,
} from "./chart.ts";

test("every service has its Deployment, and is chosen by SERVICES", async () => {
  const manifests = await render();
  for (const service of serviceNames()) {
    const { spec } = named(manifests, "Deployment", `veche-${service}`);
    expect(spec.template.spec.containers[0].env).toContainEqual({ name: "SERVICES", value: service });
  }
});

test("what the defaults render is what it was, and each change of it is seen", async () => {
  const file = join(import.meta.dirname, "golden", "defaults.yaml");
  const { stdout } = await template({ set: { "image.repository": "veche" } });
  // Keys and passwords are new each time.
  const rendered = stdout.replaceAll(/^( {2}[\w.-]+: )"(?:p?[A-Za-z0-9]{39,}|-----BEGIN .*)"$/gm, '$1"…"');
  expect(rendered.match(/: "…"$/gm)).toHaveLength(7);
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, rendered);
  // Not as one long text: Jest would print all of it.
  expect(rendered.split("\n")).toEqual(readFileSync(file, "utf8").split("\n"));
});

test("all variables of the configuration are the chart's own or may be given", () => {
  const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
  const OWN = [
    ...[
      "NODE_ENV",
      "PORT",
      "HEALTH_PORT",
      "DATA_DIR",
      "SERVICES",
      "NAMESPACE",
      "NODE_ID",
      "TRUST_PROXY",
      "PUBLIC_URL",
    ],
    ...[
      "NATS_URL",
      "NATS_CREDS_FILE",
      "NATS_TLS_CA",
      "NATS_TLS_CERT",
      "NATS_TLS_KEY",
      "STREAM_REPLICAS",
      "MONGO_URL",
    ],
    ...["REDIS_URL", "JWT_SECRET", "JWT_KEYS_DIR", "REFRESH_SECRET", "REFRESH_SECRET_PREVIOUS", "GCS_BUCKET"],
    ...["DRAIN_DELAY_MS", "SHUTDOWN_TIMEOUT_MS"],
  ];
  const given = schema.properties.config.propertyNames.enum as string[];
  expect([...given, ...OWN].sort()).toEqual(Object.keys(Variables.shape).sort());
});

test.each<[string, Values, string[]]>([
  ["a typo", { set: { "services.api.replcas": 3 } }, ["/services/api", "'replcas' not allowed"]],
  ["an unknown service", { set: { "services.chats.replicas": 3 } }, ["/services", "'chats' not allowed"]],
  ["an unknown variable", { set: { config: { LOG_LEVL: "debug" } } }, ["LOG_LEVL"]],
  ["a variable that the chart sets", { set: { config: { NATS_URL: "nats://x" } } }, ["NATS_URL"]],
  ["the tag latest", { set: { "image.tag": "latest" } }, ["/image/tag"]],
  ["no image", { set: { "image.repository": "" } }, ["image.repository", "kind load", "minikube image load"]],
  [
    "two replicas on a volume",
    { set: { "services.photo.replicas": 2 } },
    ["services.photo", "photos.gcsBucket"],
  ],
  [
    "autoscaling on a volume",
    { set: { "services.photo.autoscaling.enabled": true } },
    ["services.photo", "photos.gcsBucket"],
  ],
  ["half of the keys", { set: { "secrets.jwtPrivateKeys": "mine" } }, ["jwtPublicKeys", "both or none"]],
  ["two servers of NATS", { set: { "nats.bundled.replicas": 2 } }, ["nats.bundled.replicas"]],
  ["two members of MongoDB", { set: { "mongodb.bundled.replicas": 2 } }, ["mongodb.bundled.replicas"]],
  ...["secrets.refreshSecret", "nats.externalSecret", "mongodb.externalSecret", "redis.externalSecret"].map(
    (name): [string, Values, string[]] => [
      `production without ${name}`,
      { files: ["production"], set: { [name]: "" } },
      ["secrets.requireExisting", name],
    ],
  ),
  [
    "production without keys",
    { files: ["production"], set: { "secrets.jwtPrivateKeys": "", "secrets.jwtPublicKeys": "" } },
    ["secrets.requireExisting", "secrets.jwtPrivateKeys"],
  ],
])("%s is refused, by name", async (_name, values, parts) => {
  const said = await refusal(values);
  for (const part of parts) expect(said).toContain(part);
});

test("photos on a volume: one pod, replaced by Recreate, and the volume outlives the release", async () => {
  const manifests = await render({ set: { "defaults.autoscaling.enabled": true } });
  const { spec } = named(manifests, "Deployment", "veche-photo");
  expect([spec.replicas, spec.strategy]).toEqual([1, { type: "Recreate" }]);
  expect(ofKind(manifests, "HorizontalPodAutoscaler").map(({ metadata }) => metadata.name)).not.toContain(
    "veche-photo",
  );
  const { metadata } = named(manifests, "PersistentVolumeClaim", "veche-photos");
  expect(metadata.annotations).toEqual({ "helm.sh/resource-policy": "keep" });
  const bucket = await render({ set: { "photos.gcsBucket": "photos", "services.photo.replicas": 3 } });
  expect(named(bucket, "Deployment", "veche-photo").spec.strategy.type).toBe("RollingUpdate");
  expect(ofKind(bucket, "PersistentVolumeClaim")).toEqual([]);
});

test("the schema's Job has another name when what it runs is another", async () => {
  const jobOf = async (set: Record<string, unknown>) => {
    const job = ofKind(await render({ set }), "Job").find(({ metadata }) => metadata.name.includes("schema"));
    return job?.metadata ?? Promise.reject(new Error("no job"));
  };
  const job = await jobOf({});
  expect(job.name).toMatch(/^veche-schema-0-1-0-[0-9a-f]{8}$/);
  expect(job.annotations).toBeUndefined();
  expect((await jobOf({ "gateway.publicUrl": "https://veche.test" })).name).toBe(job.name);
  expect((await jobOf({ "image.tag": "0.2.0" })).name).toMatch(/^veche-schema-0-2-0-/);
  expect((await jobOf({ "schemaJob.resources.limits.memory": "1Gi" })).name).not.toBe(job.name);
});

test("two releases share nothing by name, wherever their dashes are", async () => {
  const meshOf = async (release: string, namespace: string) => {
    const [first] = workloads(await render({ release, namespace }));
    return first?.pod.containers[0]?.env?.find(({ name }) => name === "NAMESPACE")?.value;
  };
  expect(await meshOf("a-b", "c")).toBe("a-b_c");
  expect(await meshOf("a", "b-c")).toBe("a_b-c");
  const long = await meshOf("r".repeat(53), "n".repeat(63));
  expect(long).toHaveLength(64);
  expect(await meshOf("r".repeat(53), "n".repeat(62))).not.toBe(long);
});

test("streams have three copies where the bundled NATS has three servers", async () => {
  const copies = async (set: Record<string, unknown>, files: string[] = []) => {
    const { spec } = named(await render({ set, files }), "Deployment", "veche-api");
    return spec.template.spec.containers[0].env.find(
      ({ name }: { name: string }) => name === "STREAM_REPLICAS",
    )?.value;
  };
  expect(await copies({})).toBe("1");
  expect(await copies({ "nats.bundled.replicas": 3 })).toBe("3");
  expect(await copies({ "nats.bundled.replicas": 3, "nats.streamReplicas": 1 })).toBe("1");
  expect(await copies({ "nats.streamReplicas": null }, ["production"])).toBeUndefined();
  const manifests = await render({ set: { "nats.bundled.replicas": 3 } });
  expect(named(manifests, "StatefulSet", "veche-nats").spec.podManagementPolicy).toBe("Parallel");
  expect(named(manifests, "Service", "veche-nats").spec.publishNotReadyAddresses).toBe(true);
});

const annotationsOf = ({ metadata }: Manifest) => metadata.annotations ?? {};

test("an Ingress keeps WebSockets open for an hour, and the gateway believes its proxies", async () => {
  const manifests = await render({ files: ["production"] });
  const ingress = named(manifests, "Ingress", "veche-api");
  expect(annotationsOf(ingress)).toMatchObject({
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
  });
  const env = environmentOf(
    named(manifests, "Deployment", "veche-api").spec.template.spec.containers[0],
    () => "x",
  );
  expect(env).toMatchObject({ TRUST_PROXY: "10.0.0.0/8", PUBLIC_URL: "https://veche.example.com" });
  // Health ports are behind no door: the Service and the Ingress have one port.
  expect(
    named(manifests, "Service", "veche-api").spec.ports.map(({ name }: { name: string }) => name),
  ).toEqual(["http"]);
});

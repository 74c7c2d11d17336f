// What single values do, and which are refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { loadConfig, Variables } from "../../lib/config.ts";
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
  ["three members of MongoDB", { set: { "mongodb.bundled.replicas": 3 } }, ["mongodb.bundled.replicas is 1"]],
  [
    "TLS for the bundled NATS",
    { set: { "nats.tlsSecret": "tls" } },
    ["nats.tlsSecret", "nats.externalSecret"],
  ],
  ["credentials for the bundled NATS", { set: { "nats.credsSecret": "creds" } }, ["nats.credsSecret"]],
  ["a certificate from no secret", { set: { "nats.tlsClientCertificate": true } }, ["needs nats.tlsSecret"]],
  [
    "more copies than servers",
    { set: { "nats.streamReplicas": 3 } },
    ["nats.streamReplicas is 3", "nats.bundled.replicas=1"],
  ],
  [
    "a minimum over its maximum",
    { set: { "services.chat.autoscaling": { enabled: true, minReplicas: 7 } } },
    ["services.chat.autoscaling.minReplicas is 7", "6"],
  ],
  [
    "a certificate for no host",
    { set: { "gateway.ingress.enabled": true, "gateway.ingress.tlsSecret": "tls" } },
    ["gateway.ingress.tlsSecret needs gateway.ingress.host"],
  ],
  [
    "a class of load balancers for none",
    { set: { "gateway.service.loadBalancerClass": "internal" } },
    ["gateway.service.type=LoadBalancer"],
  ],
  ...["Talk", "1talk", "talk_", "talk.", "talk-"].flatMap((name): [string, Values, string[]][] => [
    [`the name ${name}`, { set: { nameOverride: name } }, ["/nameOverride"]],
    [`the full name ${name}`, { set: { fullnameOverride: name } }, ["/fullnameOverride"]],
  ]),
  ["a release that begins with a digit", { release: "2talk" }, ['"2talk-veche"', "fullnameOverride"]],
  ...["veche:0.1.0", "reg.test:5000/veche:1", "veche@sha256", "reg.test/", "reg.test:5000"].map(
    (name): [string, Values, string[]] => [
      `the repository ${name}`,
      { set: { "image.repository": name } },
      ["/image/repository"],
    ],
  ),
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

test("a repository may be on a port", async () => {
  const [first] = workloads(await render({ set: { "image.repository": "reg.test:5000/a/veche" } }));
  expect(first?.pod.containers[0]?.image).toBe("reg.test:5000/a/veche:0.1.0");
});

test("numbers of a values file come through as they were written", async () => {
  const directory = mkdtempSync(join(tmpdir(), "veche-values-"));
  const file = join(directory, "values.yaml");
  const config = { SESSION_TTL_S: 2_592_000, PHOTO_MAX_BYTES: 10_485_760, PHOTO_MAX_PIXELS: 40_000_001 };
  const scaling = { enabled: true, connections: { enabled: true, averageValue: 1_500_000 } };
  const storage = { bundled: { storage: { size: 2_147_483_648 } } };
  const values = {
    config: { ...config, BCRYPT_COST: 10, DATA_FSYNC: true, API_DIALECTS: "none" },
    services: { api: { autoscaling: scaling } },
    photos: { volume: { size: 10_737_418_240 } },
    ...{ nats: storage, mongodb: storage },
  };
  writeFileSync(file, stringify(values));
  const manifests = await render({}, ["--values", file]);
  rmSync(directory, { recursive: true });
  for (const { spec } of ofKind(manifests, "Deployment")) {
    const env = environmentOf(
      spec.template.spec.containers[0],
      () => "nats://a-secret-of-32-characters-or-more",
    );
    const urls = { MONGO_URL: "mongodb://m/v", NATS_URL: "nats://n", REDIS_URL: "redis://r" };
    expect(loadConfig({ ...env, ...urls })).toMatchObject({ ...config, BCRYPT_COST: 10, API_DIALECTS: [] });
  }
  const [cpu, connections] = named(manifests, "HorizontalPodAutoscaler", "veche-api").spec.metrics;
  expect(cpu.resource.target.averageUtilization).toBe(70);
  expect(connections.pods.target.averageValue).toBe("1500000");
  const claims = ["nats", "mongodb"].map(
    (name) => named(manifests, "StatefulSet", `veche-${name}`).spec.volumeClaimTemplates[0].spec,
  );
  claims.push(named(manifests, "PersistentVolumeClaim", "veche-photos").spec);
  expect(claims.map(({ resources }) => resources.requests.storage)).toEqual([
    "2147483648",
    "2147483648",
    "10737418240",
  ]);
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

// The chart renders for all that it offers, into what Kubernetes takes, and gives every process what it needs.
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { loadConfig } from "../../lib/config.ts";
import { run } from "../../scripts/helm.ts";
import { CHART, environmentOf, ofKind, render, settings, type Values } from "./chart.ts";
import { validator } from "./schemas.ts";

const on = (...names: string[]) => Object.fromEntries(names.map((name) => [name, true]));

const MATRIX: [string, Values][] = [
  ["the defaults", {}],
  ["kind", { files: ["kind"] }],
  ["production", { files: ["production"] }],
  ["metrics", { set: on("metrics.serviceMonitor.enabled", "metrics.prometheusRule.enabled") }],
  [
    "a route",
    { set: { ...on("gateway.httpRoute.enabled"), "gateway.httpRoute.parentRefs": [{ name: "door" }] } },
  ],
  ["an ingress", { set: { ...on("gateway.ingress.enabled"), "gateway.ingress.host": "veche.test" } }],
  ["a cluster of NATS", { set: { "nats.bundled.replicas": 3 } }],
  [
    "an external NATS",
    { set: { "nats.externalUrl": "tls://u:p@nats:4222", "networkPolicy.natsCidrs": ["10.0.0.0/8"] } },
  ],
  [
    "TLS and credentials for NATS",
    {
      set: {
        "nats.externalSecret": "mine",
        "networkPolicy.natsCidrs": ["10.0.0.0/8"],
        "nats.tlsSecret": "tls",
        "nats.tlsClientCertificate": true,
        "nats.credsSecret": "creds",
      },
    },
  ],
  ["photos in a bucket", { set: { "photos.gcsBucket": "photos", "photos.gcsCredentialsSecret": "gcs" } }],
  ["photos on a claim of one's own", { set: { "photos.volume.existingClaim": "mine" } }],
  [
    "a load balancer",
    {
      set: {
        "gateway.service.type": "LoadBalancer",
        "gateway.service.loadBalancerClass": "example.com/internal",
        "gateway.service.loadBalancerSourceRanges": ["192.0.2.0/24"],
      },
    },
  ],
  ["ports of nodes", { set: { "gateway.service.type": "NodePort" } }],
  [
    "everything scaling",
    { set: on("defaults.autoscaling.enabled", "services.api.autoscaling.connections.enabled") },
  ],
  [
    "nothing around",
    {
      set: {
        "networkPolicy.enabled": false,
        "podDisruptionBudget.enabled": false,
        "serviceAccount.create": false,
      },
    },
  ],
  [
    "extras",
    {
      set: {
        config: { LOG_LEVEL: "debug", BCRYPT_COST: 10, DATA_FSYNC: true },
        extraEnv: [{ name: "TZ", value: "UTC" }],
        extraVolumes: [{ name: "more", emptyDir: {} }],
        extraVolumeMounts: [{ name: "more", mountPath: "/more" }],
        extraCaSecret: "ca",
        imagePullSecrets: [{ name: "regcred" }],
        "image.digest": `sha256:${"0".repeat(64)}`,
        "defaults.tolerations": [{ key: "spot", operator: "Exists" }],
        "defaults.affinity": { podAntiAffinity: {} },
        "defaults.nodeSelector": { pool: "veche" },
        "defaults.priorityClassName": "high",
      },
    },
  ],
  ["a release whose names are long", { release: "r".repeat(53), namespace: "n".repeat(63) }],
];

describe.each(MATRIX)("with %s", (_name, values) => {
  test.each(["1.29", "1.35"] as const)("Kubernetes %s takes what is rendered", async (kubeVersion) => {
    const wrong = validator(kubeVersion);
    const manifests = await render({ ...values, kubeVersion });
    expect(manifests.flatMap(wrong)).toEqual([]);
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata } of manifests)
      expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  test("helm finds nothing to complain of", async () => {
    const files = (values.files ?? []).flatMap((file) => ["--values", join(CHART, `values-${file}.yaml`)]);
    const { stdout, code } = await run("helm", [
      "lint",
      "--strict",
      CHART,
      ...files,
      ...settings(values.set ?? {}),
    ]);
    expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
    expect(code).toBe(0);
  });

  test("every process gets a configuration that it starts with", async () => {
    const manifests = await render(values);
    const secret = (name: string, key: string) => {
      const made = ofKind(manifests, "Secret").find(({ metadata }) => metadata.name === name);
      return made ? made.stringData?.[key] : givenSecrets[key];
    };
    for (const { metadata, spec } of ofKind(manifests, "Deployment")) {
      const [container] = spec.template.spec.containers;
      const env = environmentOf(container, secret);
      const config = loadConfig(env);
      expect([metadata.name, config.cluster, config.NODE_ENV]).toEqual([metadata.name, true, "production"]);
      expect(config.SERVICES).toEqual([container.name]);
      expect(config.MONGO_URL === undefined).toBe(container.name === "api");
      expect(config.HEALTH_PORT).toBe(9090);
    }
  });
});

/** Of secrets that are not the chart's. */
const givenSecrets: Record<string, string> = {
  NATS_URL: "tls://nats:4222",
  MONGO_URL: "mongodb+srv://mongo/veche",
  REDIS_URL: "rediss://redis",
  REFRESH_SECRET: "a secret of 32 characters or more, given",
};

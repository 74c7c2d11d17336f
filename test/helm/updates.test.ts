// What an upgrade changes, and what it leaves alone.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run } from "../../scripts/helm.ts";
import { CHART, named, ofKind, parse, refusal, render, settings, template, workloads } from "./chart.ts";
import { standIn } from "./cluster-stand-in.ts";

const BUNDLED = ["veche-mongodb", "veche-nats", "veche-redis"];

test("a new version of the chart replaces the services' pods, and no bundled server", async () => {
  const directory = mkdtempSync(join(tmpdir(), "veche-chart-"));
  cpSync(CHART, directory, { recursive: true });
  const file = join(directory, "Chart.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace(/^(version|appVersion):.*$/gm, '$1: "0.9.1"'));
  const { code, stdout } = await run("helm", [
    ...["template", "veche", directory, "--namespace", "talk", "--kube-version", "1.35"],
    ...settings({}),
  ]);
  rmSync(directory, { recursive: true });
  expect(code).toBe(0);
  const [before, after] = [await render(), parse(stdout)];
  for (const name of BUNDLED) {
    const [was, is] = [before, after].map((manifests) => named(manifests, "StatefulSet", name).spec);
    expect(is).toEqual(was);
  }
  const imageOf = (manifests: typeof after) =>
    named(manifests, "Deployment", "veche-api").spec.template.spec.containers[0].image;
  expect([imageOf(before), imageOf(after)]).toEqual([
    "registry.test/veche:0.1.0",
    "registry.test/veche:0.9.1",
  ]);
});

test.each([
  ["nats", "nats://u:old@n", "nats://u:new@n", ["api", "auth", "chat"], ["schema"]],
  ["redis", "redis://:old@r", "redis://:new@r", ["api", "auth", "chat"], ["schema"]],
  ["mongodb", "mongodb://u:old@m/v", "mongodb://u:new@m/v", ["auth", "chat", "schema"], ["api"]],
])("another URL of %s replaces the pods that use it", async (server, old, changed, users, others) => {
  const podsOf = async (url: string) => {
    const set = { [`${server}.externalUrl`]: url, [`networkPolicy.${server}Cidrs`]: ["10.0.0.0/8"] };
    const manifests = await render({ set });
    const specs = workloads(manifests).map(({ manifest, labels }) => [
      labels["app.kubernetes.io/component"],
      // A Job can't be changed: it has to be another.
      manifest.kind === "Job" ? manifest.metadata.name : manifest.spec.template,
    ]);
    return Object.fromEntries(specs);
  };
  const [before, again, after] = [await podsOf(old), await podsOf(old), await podsOf(changed)];
  for (const name of users) {
    expect(again[name]).toEqual(before[name]);
    expect(after[name]).not.toEqual(before[name]);
  }
  for (const name of others) expect(after[name]).toEqual(before[name]);
  expect(JSON.stringify(after)).not.toContain(":new@");
});

test("bundled NATS becomes no cluster later, and a cluster only grows", async () => {
  const cluster = await standIn();
  const upgrade = (replicas: number) =>
    template({ set: { "nats.bundled.replicas": replicas } }, [
      "--dry-run=server",
      ...["--disable-openapi-validation", "--kubeconfig", cluster.kubeconfig],
    ]);
  const refused = "nats.bundled.replicas is decided at the installation";
  try {
    // Nothing is there yet: all may be chosen.
    for (const replicas of [1, 3]) expect((await upgrade(replicas)).code).toBe(0);
    for (const [live, wanted, taken] of [
      [1, 1, true],
      [1, 3, false],
      [3, 1, false],
      [5, 3, false],
      [3, 5, true],
    ] as const) {
      cluster.keep(ofKind(await render({ set: { "nats.bundled.replicas": live } }), "StatefulSet"));
      const { code, stderr } = await upgrade(wanted);
      expect([live, wanted, code === 0, stderr.includes(refused)]).toEqual([live, wanted, taken, !taken]);
    }
  } finally {
    cluster.close();
  }
});

test("every pod of the chart goes where services go by default, and is fetched with the same secrets", async () => {
  const manifests = await render({
    set: {
      imagePullSecrets: [{ name: "regcred" }],
      "defaults.nodeSelector": { pool: "veche" },
      "defaults.tolerations": [{ key: "spot", operator: "Exists" }],
      "defaults.priorityClassName": "high",
    },
  });
  const components = workloads(manifests).map(({ labels, pod }) => {
    const name = labels["app.kubernetes.io/component"];
    expect([name, pod]).toEqual([
      name,
      expect.objectContaining({
        imagePullSecrets: [{ name: "regcred" }],
        nodeSelector: { pool: "veche" },
        tolerations: [{ key: "spot", operator: "Exists" }],
        priorityClassName: "high",
      }),
    ]);
    return name;
  });
  expect(components).toEqual(
    expect.arrayContaining(["api", "mongodb", "mongodb-init", "nats", "redis", "schema", "test"]),
  );
});

test("clients keep their addresses behind a load balancer, and its class and ranges are given", async () => {
  const spec = async (service: Record<string, unknown>) => {
    const set = Object.fromEntries(
      Object.entries(service).map(([name, value]) => [`gateway.service.${name}`, value]),
    );
    return named(await render({ set }), "Service", "veche-api").spec;
  };
  expect(await spec({})).not.toHaveProperty("externalTrafficPolicy");
  expect(await spec({ type: "NodePort" })).toMatchObject({ externalTrafficPolicy: "Local" });
  const given = {
    ...{ type: "LoadBalancer", externalTrafficPolicy: "Cluster", loadBalancerClass: "example.com/internal" },
    loadBalancerSourceRanges: ["192.0.2.0/24"],
  };
  expect(await spec(given)).toMatchObject(given);
  expect(await refusal({ set: { "gateway.service.externalTrafficPolicy": "local" } })).toContain(
    "/gateway/service/externalTrafficPolicy",
  );
});

// What every workload of the chart keeps to, bundled servers and jobs too.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Container, type Manifest, ofKind, render, type Values, workloads } from "./chart.ts";

const CASES: [string, Values][] = [
  ["the defaults", {}],
  ["kind", { files: ["kind"] }],
  ["production", { files: ["production"] }],
  ["a cluster of bundled NATS", { set: { "nats.bundled.replicas": 3 } }],
];

describe.each(CASES)("with %s", (_name, values) => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = await render(values);
  });
  const pods = () => workloads(manifests);
  const containers = () =>
    pods().flatMap(({ manifest, pod }) =>
      [...pod.containers, ...(pod.initContainers ?? [])].map((container): [string, Container] => [
        `${manifest.kind} ${manifest.metadata.name}/${container.name}`,
        container,
      ]),
    );

  test("pods are restricted", () => {
    expect(pods().length).toBeGreaterThan(10);
    for (const { manifest, pod } of pods()) {
      expect({ of: manifest.metadata.name, ...pod }).toMatchObject({
        of: manifest.metadata.name,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: expect.any(Number),
          runAsGroup: expect.any(Number),
          fsGroup: expect.any(Number),
          seccompProfile: { type: "RuntimeDefault" },
        },
      });
      expect((pod.securityContext as { runAsUser: number }).runAsUser).toBeGreaterThanOrEqual(100);
      for (const field of ["hostNetwork", "hostPID", "hostIPC"]) expect(pod).not.toHaveProperty(field);
      for (const { hostPath } of pod.volumes ?? []) expect(hostPath).toBeUndefined();
    }
  });

  test("containers can't gain anything, and write only into volumes", () => {
    for (const [name, { securityContext }] of containers()) {
      expect([name, securityContext]).toEqual([
        name,
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
      ]);
    }
  });

  test("containers say what they use, and of which version they are", () => {
    for (const [name, { resources, image }] of containers()) {
      const amounts = { cpu: expect.any(String), memory: expect.any(String) };
      expect([name, resources]).toEqual([name, { requests: amounts, limits: amounts }]);
      expect([name, image]).toEqual([name, expect.stringMatching(/.(:[\w.-]+|@sha256:[0-9a-f]{64})$/)]);
      expect(image).not.toMatch(/:latest$/);
    }
  });

  test("what runs on is probed, never by way of what it depends on", () => {
    for (const { manifest, pod } of pods()) {
      const [container] = pod.containers;
      if (!["Deployment", "StatefulSet"].includes(manifest.kind) || !container) continue;
      for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
        expect([manifest.metadata.name, probe, container[probe]]).toEqual([
          manifest.metadata.name,
          probe,
          expect.any(Object),
        ]);
      }
      if (manifest.kind !== "Deployment") continue;
      expect(container.startupProbe?.httpGet).toEqual({ path: "/healthz", port: "health" });
      expect(container.livenessProbe?.httpGet).toEqual({ path: "/healthz", port: "health" });
      expect(container.readinessProbe?.httpGet).toEqual({ path: "/readyz", port: "health" });
    }
  });

  test("every mount has its volume, and every volume its mount", () => {
    for (const { pod } of pods()) {
      const mounted = [...pod.containers, ...(pod.initContainers ?? [])].flatMap(
        ({ volumeMounts = [] }) => volumeMounts,
      );
      const claimed = ["data"].filter(() => mounted.some(({ name }) => name === "data"));
      const names = [...(pod.volumes ?? []).map(({ name }) => name), ...claimed];
      expect([...new Set(mounted.map(({ name }) => name))].sort()).toEqual(names.sort());
    }
  });

  test("selectors find the pods, and nothing in them changes with a version", () => {
    const selectors = [
      ...workloads(manifests).flatMap(({ manifest, labels }) =>
        manifest.spec.selector ? [[manifest.spec.selector.matchLabels, labels] as const] : [],
      ),
      ...ofKind(manifests, "PodDisruptionBudget").map(
        ({ spec, metadata }) => [spec.selector.matchLabels, metadata.labels ?? {}] as const,
      ),
    ];
    for (const [selector, labels] of selectors) {
      expect(labels).toMatchObject(selector);
      expect(Object.keys(selector).sort()).toEqual([
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/name",
      ]);
    }
    const components = ofKind(manifests, "Deployment").map(
      ({ spec }) => spec.selector.matchLabels["app.kubernetes.io/component"],
    );
    expect(new Set(components).size).toBe(components.length);
  });

  test("a Deployment that an autoscaler rules has no replicas of its own, every other one has", () => {
    const ruled = ofKind(manifests, "HorizontalPodAutoscaler").map(({ spec }) => spec.scaleTargetRef.name);
    const without = ofKind(manifests, "Deployment").filter(({ spec }) => spec.replicas === undefined);
    expect(without.map(({ metadata }) => metadata.name).sort()).toEqual(ruled.sort());
  });

  test("a disruption budget is there where there is more than one pod, and leaves all but one", () => {
    const minimum = new Map(
      ofKind(manifests, "HorizontalPodAutoscaler").map(({ spec }) => [
        spec.scaleTargetRef.name,
        spec.minReplicas,
      ]),
    );
    const several = ofKind(manifests, "Deployment").filter(
      ({ metadata, spec }) => (spec.replicas ?? minimum.get(metadata.name)) > 1,
    );
    const budgets = ofKind(manifests, "PodDisruptionBudget");
    expect(budgets.map(({ metadata }) => metadata.name).sort()).toEqual(
      several.map(({ metadata }) => metadata.name).sort(),
    );
    for (const { spec } of budgets) {
      expect(spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" });
    }
  });

  test("a node is given up for all that services have on its own disk", () => {
    for (const { metadata, spec } of ofKind(manifests, "Deployment")) {
      const local: { name: string; emptyDir?: object }[] = spec.template.spec.volumes;
      const given =
        spec.template.metadata.annotations["cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"];
      const names = local.flatMap(({ name, emptyDir }) => (emptyDir ? [name] : []));
      expect([metadata.name, given.split(",")]).toEqual([metadata.name, names]);
    }
  });

  test("an update leaves as many pods as there are, and gives each the time that it takes to end", () => {
    for (const { metadata, spec } of ofKind(manifests, "Deployment")) {
      const env = new Map<string, string>(
        spec.template.spec.containers[0].env.map(({ name, value }: { name: string; value: string }) => [
          name,
          value,
        ]),
      );
      const takes = (Number(env.get("DRAIN_DELAY_MS")) + 2 * Number(env.get("SHUTDOWN_TIMEOUT_MS"))) / 1000;
      expect(takes).toBeGreaterThanOrEqual(25);
      expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(takes);
      if (spec.strategy.type === "Recreate") expect(metadata.name).toBe("veche-photo");
      else expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    }
  });
});

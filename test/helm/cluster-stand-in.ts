// Answers helm as an API server does that has some secrets and StatefulSets, and nothing else: enough for `lookup`.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Manifest } from "./chart.ts";

/** What it knows of: plural and kind, by group. */
const KINDS: Record<string, Record<string, string>> = {
  v1: {
    secrets: "Secret",
    services: "Service",
    serviceaccounts: "ServiceAccount",
    persistentvolumeclaims: "PersistentVolumeClaim",
    pods: "Pod",
  },
  "apps/v1": { deployments: "Deployment", statefulsets: "StatefulSet" },
  "batch/v1": { jobs: "Job" },
  "networking.k8s.io/v1": { networkpolicies: "NetworkPolicy" },
  "policy/v1": { poddisruptionbudgets: "PodDisruptionBudget" },
};

const groups = Object.keys(KINDS).filter((groupVersion) => groupVersion !== "v1");

const DISCOVERY: Record<string, object> = {
  "/version": { major: "1", minor: "35", gitVersion: "v1.35.0" },
  "/api": { kind: "APIVersions", versions: ["v1"] },
  "/apis": {
    ...{ kind: "APIGroupList", apiVersion: "v1" },
    groups: groups.map((groupVersion) => ({
      name: groupVersion.split("/")[0],
      versions: [{ groupVersion, version: "v1" }],
      preferredVersion: { groupVersion, version: "v1" },
    })),
  },
  ...Object.fromEntries(
    Object.entries(KINDS).map(([groupVersion, kinds]) => [
      groupVersion === "v1" ? "/api/v1" : `/apis/${groupVersion}`,
      {
        ...{ kind: "APIResourceList", groupVersion },
        resources: Object.entries(kinds).map(([name, kind]) => ({
          name,
          kind,
          namespaced: true,
          verbs: ["get"],
        })),
      },
    ]),
  ),
};

export interface StandIn {
  /** For helm. */
  kubeconfig: string;
  /** From then on `lookup` finds these secrets and StatefulSets, as a cluster keeps them. */
  keep(manifests: Manifest[]): void;
  close(): void;
}

export async function standIn(): Promise<StandIn> {
  const kept = new Map<string, object>();
  const server = createServer((req, res) => {
    const path = req.url?.split("?")[0] ?? "";
    const [, plural = "", name = ""] =
      /^\/(?:api\/v1|apis\/apps\/v1)\/namespaces\/[^/]+\/(secrets|statefulsets)\/([^/]+)$/.exec(path) ?? [];
    const found = DISCOVERY[path] ?? kept.get(`${plural}/${name}`);
    res.writeHead(found ? 200 : 404, { "Content-Type": "application/json" });
    res.end(
      JSON.stringify(
        found ?? { kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", code: 404 },
      ),
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const directory = mkdtempSync(join(tmpdir(), "veche-kubeconfig-"));
  const kubeconfig = join(directory, "config");
  const context = { cluster: "c", user: "u" };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: "v1", kind: "Config", "current-context": "c", users: [{ name: "u", user: {} }] },
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: "c", context }],
    }),
  );
  return {
    kubeconfig,
    keep(manifests) {
      for (const { apiVersion, kind, metadata, spec, stringData = {} } of manifests) {
        const data = Object.fromEntries(
          Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
        );
        // As helm marks what it installs; it touches nothing else.
        const annotations = {
          ...metadata.annotations,
          "meta.helm.sh/release-name": metadata.labels?.["app.kubernetes.io/instance"],
          "meta.helm.sh/release-namespace": (metadata as { namespace?: string }).namespace,
        };
        const content = kind === "Secret" ? { data } : { spec };
        const found = { apiVersion, kind, metadata: { ...metadata, annotations }, ...content };
        kept.set(`${kind.toLowerCase()}s/${metadata.name}`, found);
      }
    },
    close() {
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

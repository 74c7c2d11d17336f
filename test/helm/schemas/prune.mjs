// Takes from a Kubernetes release's definitions those of the kinds that the chart has, without their descriptions:
//   node test/helm/schemas/prune.mjs <_definitions.json> > test/helm/schemas/kubernetes-1.35.json
// The definitions come from the Python package kubernetes-validate 1.37.0, kubernetes-json-schema/v<release>.0-local.
import { readFileSync } from "node:fs";

/** The kinds, by `apiVersion/kind`, and their definitions. */
const KINDS = {
  "v1/ConfigMap": "io.k8s.api.core.v1.ConfigMap",
  "v1/PersistentVolumeClaim": "io.k8s.api.core.v1.PersistentVolumeClaim",
  "v1/Pod": "io.k8s.api.core.v1.Pod",
  "v1/Secret": "io.k8s.api.core.v1.Secret",
  "v1/Service": "io.k8s.api.core.v1.Service",
  "v1/ServiceAccount": "io.k8s.api.core.v1.ServiceAccount",
  "v1/Namespace": "io.k8s.api.core.v1.Namespace",
  "apps/v1/Deployment": "io.k8s.api.apps.v1.Deployment",
  "apps/v1/StatefulSet": "io.k8s.api.apps.v1.StatefulSet",
  "autoscaling/v2/HorizontalPodAutoscaler": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
  "batch/v1/Job": "io.k8s.api.batch.v1.Job",
  "networking.k8s.io/v1/Ingress": "io.k8s.api.networking.v1.Ingress",
  "networking.k8s.io/v1/NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
  "policy/v1/PodDisruptionBudget": "io.k8s.api.policy.v1.PodDisruptionBudget",
};

const all = JSON.parse(readFileSync(process.argv[2], "utf8")).$defs;
const kept = {};

function keep(name) {
  if (kept[name]) return;
  kept[name] = true;
  kept[name] = pruned(all[name]);
}

function pruned(value, key) {
  if (Array.isArray(value)) return value.map((item) => pruned(item));
  if (typeof value !== "object" || value === null) return value;
  const copy = {};
  for (const [name, inner] of Object.entries(value)) {
    // Of a schema, not a property that has the name.
    if (
      key !== "properties" &&
      (name === "description" || name.startsWith("x-kubernetes") || name === "default")
    )
      continue;
    if (name === "$ref" && typeof inner === "string") {
      const target = inner.split("/").at(-1);
      keep(target);
      copy.$ref = `#/$defs/${target}`;
    } else copy[name] = pruned(inner, name);
  }
  return copy;
}

for (const name of Object.values(KINDS)) keep(name);
const names = Object.keys(kept).sort();
const lines = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(kept[name])}`);
process.stdout.write(`{"kinds":${JSON.stringify(KINDS)},"$defs":{\n${lines.join(",\n")}\n}}\n`);

// `npm run manifests`: makes k8s/ from the chart: what kind and production have alike is the base, the rest their overlays.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { writeChartReadme } from "./chart-readme.ts";
import { run } from "./helm.ts";

const root = join(import.meta.dirname, "..");
const chart = join(root, "helm", "veche");

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Manifest {
  kind: string;
  apiVersion: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
}

export type Overlay = "kind" | "production";

/** The files hold no secret: all are given by name. */
const GIVEN = [
  ...["secrets.refreshSecret=veche-refresh", "secrets.jwtPrivateKeys=veche-jwt-private"],
  ...["secrets.jwtPublicKeys=veche-jwt-public"],
];
const SETTINGS: Record<Overlay, string[]> = {
  kind: [
    ...GIVEN,
    ...["nats", "mongodb", "redis"].map((name) => `${name}.bundled.existingSecret=veche-${name}`),
  ],
  production: GIVEN,
};
const NAMESPACE = "veche";
const REGISTRY = "registry.example.com/veche";

/** What the chart renders, without what only helm has a use for. */
export async function rendered(overlay: Overlay): Promise<Manifest[]> {
  const values = ["--values", join(chart, `values-${overlay}.yaml`)];
  const repository = overlay === "production" ? REGISTRY : "veche";
  const set = [...SETTINGS[overlay], `image.repository=${repository}`].flatMap((one) => ["--set", one]);
  const { code, stdout, stderr } = await run("helm", [
    ...["template", "veche", chart, "--namespace", NAMESPACE, "--skip-tests", "--no-hooks"],
    ...[...values, ...set],
  ]);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
    .map(withoutHelm);
}

const ONLY_HELMS = new Set(["helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/managed-by"]);

function withoutHelm<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutHelm) as T;
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .filter(([key]) => !ONLY_HELMS.has(key))
    .map(([key, inner]) => [key, withoutHelm(inner)] as const)
    .filter(([key, inner]) => key !== "annotations" || Object.keys(inner ?? {}).length > 0);
  return Object.fromEntries(kept) as T;
}

interface Change {
  op: "add" | "remove" | "replace";
  path: string;
  value?: Json;
}

/** As RFC 6902 has it. Lists of another length are replaced as a whole. */
function changes(from: Json, to: Json, path = ""): Change[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return from.flatMap((item, i) => changes(item, to[i] ?? null, `${path}/${i}`));
  }
  if (!isMap(from) || !isMap(to)) return [{ op: "replace", path, value: to }];
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key): Change[] => {
    const at = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!(key in to)) return [{ op: "remove", path: at }];
    if (!(key in from)) return [{ op: "add", path: at, value: to[key] ?? null }];
    return changes(from[key] ?? null, to[key] ?? null, at);
  });
}

const isMap = (value: Json): value is { [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const keyOf = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;
const componentOf = ({ metadata }: Manifest) => metadata.labels?.["app.kubernetes.io/component"] ?? "veche";
/** The image's name is kustomize's business. */
const withImage = (manifest: Manifest, from: string, to: string): Manifest =>
  JSON.parse(JSON.stringify(manifest).replaceAll(`"${from}:`, `"${to}:`));

/** @returns the files of k8s/ but its README, by their paths */
export async function files(): Promise<Map<string, string>> {
  const [kind, renderedProduction] = await Promise.all([rendered("kind"), rendered("production")]);
  const production = renderedProduction.map((manifest) => withImage(manifest, REGISTRY, "veche"));
  const inProduction = new Map(production.map((manifest) => [keyOf(manifest), manifest]));
  const inKind = new Set(kind.map(keyOf));
  const base = kind.filter((manifest) => inProduction.has(keyOf(manifest)));
  const patches = base.flatMap((manifest) => {
    const other = inProduction.get(keyOf(manifest));
    const patch = other ? changes(manifest as unknown as Json, other as unknown as Json) : [];
    const target = { kind: manifest.kind, name: manifest.metadata.name };
    return patch.length > 0 ? [{ target, patch: stringify(patch) }] : [];
  });
  const made = new Map<string, string>();
  const layer = (folder: string, manifests: Manifest[], kustomization: object) => {
    const resources: string[] = [];
    for (const component of [...new Set(manifests.map(componentOf))].sort()) {
      const own = manifests.filter((manifest) => componentOf(manifest) === component);
      made.set(`${folder}/${component}.yaml`, own.map((manifest) => stringify(manifest)).join("---\n"));
      resources.push(`${component}.yaml`);
    }
    const head = { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization" };
    const { resources: more = [], ...rest } = kustomization as { resources?: string[] };
    const text = stringify({ ...head, resources: [...more, ...resources], ...rest });
    made.set(`${folder}/kustomization.yaml`, `# Made by \`npm run manifests\` from helm/veche.\n${text}`);
  };
  layer("base", [namespace, ...base], {});
  layer(
    "overlays/kind",
    kind.filter((manifest) => !inProduction.has(keyOf(manifest))),
    { resources: ["../../base"] },
  );
  layer(
    "overlays/production",
    production.filter((manifest) => !inKind.has(keyOf(manifest))),
    {
      resources: ["../../base"],
      images: [{ name: "veche", newName: REGISTRY }],
      patches,
    },
  );
  return made;
}

/** Where pods that are not restricted are refused. */
export const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: NAMESPACE,
    labels: {
      "pod-security.kubernetes.io/enforce": "restricted",
      "app.kubernetes.io/component": "namespace",
    },
  },
};

if (import.meta.main) {
  writeChartReadme();
  for (const folder of ["base", "overlays"])
    rmSync(join(root, "k8s", folder), { recursive: true, force: true });
  for (const [path, text] of await files()) {
    const file = join(root, "k8s", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

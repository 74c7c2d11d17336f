// The chart as it is rendered, and what tests ask about it.
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { run } from "../../scripts/helm.ts";

export const CHART = join(import.meta.dirname, "..", "..", "helm", "veche");

/** Of Kubernetes' JSON what tests read; more than that is checked by its schemas. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  // A manifest's shape is its kind's; each test knows the kind that it asks for.
  // biome-ignore lint/suspicious/noExplicitAny: as above
  spec: any;
  stringData?: Record<string, string>;
}

export interface Values {
  /** Files beside values.yaml: "kind" is values-kind.yaml. */
  files?: string[];
  /** As `--set-json`. */
  set?: Record<string, unknown>;
  release?: string;
  namespace?: string;
  kubeVersion?: string;
}

const IMAGE = { "image.repository": "registry.test/veche" };

export function template(values: Values = {}, more: string[] = []) {
  const { files = [], set = {}, release = "veche", namespace = "talk", kubeVersion = "1.35" } = values;
  return run("helm", [
    ...["template", release, CHART, "--namespace", namespace, "--kube-version", kubeVersion],
    ...files.flatMap((file) => ["--values", join(CHART, `values-${file}.yaml`)]),
    ...settings(set),
    ...more,
  ]);
}

export const settings = (set: Record<string, unknown>): string[] =>
  Object.entries({ ...IMAGE, ...set }).flatMap(([name, value]) => [
    "--set-json",
    `${name}=${JSON.stringify(value)}`,
  ]);

export async function render(values: Values = {}, more: string[] = []): Promise<Manifest[]> {
  const { code, stdout, stderr } = await template(values, more);
  if (code !== 0) throw new Error(stderr);
  return parse(stdout);
}

export const parse = (yaml: string): Manifest[] =>
  parseAllDocuments(yaml)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

/** What helm says of values that it refuses. */
export async function refusal(values: Values): Promise<string> {
  const { code, stderr } = await template(values);
  if (code === 0) throw new Error("it was not refused");
  return stderr;
}

export const ofKind = (manifests: Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

export function named(manifests: Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
}

export interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } };
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: Variable[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  securityContext?: Record<string, unknown>;
  volumeMounts?: { name: string; mountPath: string }[];
  [probe: `${string}Probe`]:
    | { httpGet?: { path: string; port: string }; failureThreshold: number }
    | undefined;
}

export interface Pod {
  containers: Container[];
  initContainers?: Container[];
  volumes?: { name: string; [source: string]: unknown }[];
  [field: string]: unknown;
}

/** Whatever makes pods, with the pod that it makes. */
export function workloads(
  manifests: Manifest[],
): { manifest: Manifest; labels: Record<string, string>; pod: Pod }[] {
  return manifests.flatMap((manifest) => {
    if (manifest.kind === "Pod") {
      return [{ manifest, labels: manifest.metadata.labels ?? {}, pod: manifest.spec as Pod }];
    }
    const made = manifest.spec?.template;
    return made?.spec ? [{ manifest, labels: made.metadata.labels, pod: made.spec as Pod }] : [];
  });
}

/** The variables of a container, as Kubernetes makes them: secrets looked up, `$(NAME)` replaced. */
export function environmentOf(
  { env = [] }: Container,
  secret: (name: string, key: string) => string | undefined,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    const { name: from = "", key = "" } = valueFrom?.secretKeyRef ?? {};
    const plain = valueFrom?.secretKeyRef ? secret(from, key) : (value ?? "a-pod");
    if (plain !== undefined)
      found[name] = plain.replaceAll(/\$\(([A-Z_]+)\)/g, (_, other) => found[other] ?? `$(${other})`);
  }
  return found;
}

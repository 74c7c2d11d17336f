// k8s/ is what the chart renders, for those who have no helm.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { chartReadme } from "../../scripts/chart-readme.ts";
import { run } from "../../scripts/helm.ts";
import { files, type Manifest, namespace, rendered } from "../../scripts/kubernetes-manifests.ts";
import { CHART, parse } from "./chart.ts";

const K8S = join(import.meta.dirname, "..", "..", "k8s");

const byName = (manifests: Manifest[]) =>
  Object.fromEntries(manifests.map((manifest) => [`${manifest.kind}/${manifest.metadata.name}`, manifest]));

test("the files are those that `npm run manifests` makes", async () => {
  const made = await files();
  const there = readdirSync(K8S, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "README.md")
    .map(({ parentPath, name }) => join(parentPath, name).slice(K8S.length + 1));
  expect(there.sort()).toEqual([...made.keys()].sort());
  for (const [path, text] of made) expect(readFileSync(join(K8S, path), "utf8")).toBe(text);
});

test.each(["kind", "production"] as const)(
  "kustomize makes of the overlay %s what helm makes of its values",
  async (overlay) => {
    const { code, stdout, stderr } = await run("kubectl", ["kustomize", join(K8S, "overlays", overlay)]);
    expect([code, stderr]).toEqual([0, ""]);
    const built = byName(parse(stdout));
    expect(built).toEqual(byName([namespace, ...(await rendered(overlay))]));
    expect(Object.keys(built).filter((name) => name.startsWith("Secret/"))).toEqual([]);
  },
);

test("the chart's README has all values with their defaults", () => {
  const readme = readFileSync(join(CHART, "README.md"), "utf8");
  expect(readme).toBe(chartReadme());
  expect(readme).toContain(
    "| `services.photo.replicas` | `1` | One replica by default, since photos are on a volume. |",
  );
});

test("its README shows how each secret that is named is made", async () => {
  expect(existsSync(join(K8S, "README.md"))).toBe(true);
  const readme = readFileSync(join(K8S, "README.md"), "utf8");
  for (const overlay of ["kind", "production"] as const) {
    const text = JSON.stringify(await rendered(overlay));
    const names = [
      ...text.matchAll(/"secretKeyRef":\{"name":"([\w-]+)"|"secret(?:Name)?":(?:\{"name":)?"([\w-]+)"/g),
    ];
    const named = new Set(names.map(([, key, volume]) => key ?? volume));
    expect(named.size).toBeGreaterThanOrEqual(6);
    for (const name of named) {
      expect(readme).toMatch(new RegExp(`create secret (generic|tls) ${name} `));
    }
  }
});

// `npm run manifests` also writes helm/veche/README.md: its table is made of values.yaml and the comments in it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";

const folder = join(import.meta.dirname, "..", "helm", "veche");

const HEAD = `# The chart veche

Veche on Kubernetes: a Deployment for each service, and NATS, MongoDB and Redis bundled, or your own. How to install, update and
run it is in [docs/kubernetes.md](../../docs/kubernetes.md).

\`\`\`sh
helm install veche helm/veche --set image.repository=<where the image is>
\`\`\`

\`values-kind.yaml\` is for kind and minikube, \`values-production.yaml\` for servers and secrets of your own. A value that the chart does
not know is refused. This page is made by \`npm run manifests\`.

| value | default | meaning |
| --- | --- | --- |
`;

interface Row {
  path: string;
  value: string;
  meaning: string;
}

function rowsOf(map: YAMLMap, above = ""): Row[] {
  return map.items.flatMap((pair: Pair): Row[] => {
    const { key, value } = pair;
    if (!isScalar(key)) return [];
    const path = above === "" ? String(key.value) : `${above}.${key.value}`;
    // Of the first key of a map the comment is the map's.
    const first = map.items[0] === pair ? map.commentBefore : undefined;
    const meaning = (key.commentBefore ?? first ?? "").split(/\n\s*\n/).at(-1) ?? "";
    const text = meaning
      .replaceAll(/\s*\n\s*/g, " ")
      .replaceAll("|", "\\|")
      .trim();
    if (isMap(value) && !value.flow && value.items.length > 0) {
      const rows = rowsOf(value, path);
      return text === "" ? rows : [{ path, value: "", meaning: text }, ...rows];
    }
    return [
      {
        path,
        value: `\`${JSON.stringify(value === null ? null : (value as { toJSON(): unknown }).toJSON())}\``,
        meaning: text,
      },
    ];
  });
}

export function chartReadme(): string {
  const { contents } = parseDocument(readFileSync(join(folder, "values.yaml"), "utf8"));
  if (!isMap(contents)) throw new Error("values.yaml is no map");
  const rows = rowsOf(contents).map(({ path, value, meaning }) => `| \`${path}\` | ${value} | ${meaning} |`);
  return `${HEAD}${rows.join("\n")}\n`;
}

export const writeChartReadme = (): void => writeFileSync(join(folder, "README.md"), chartReadme());

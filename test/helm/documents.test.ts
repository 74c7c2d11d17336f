// What the documents of Kubernetes tell to type: as far as it goes without a cluster, it is typed here.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { directoryKeyRing } from "../../lib/keys.ts";
import { program, run } from "../../scripts/helm.ts";
import { parse } from "./chart.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const blocksOf = (file: string): string[] =>
  [...readFileSync(join(ROOT, file), "utf8").matchAll(/```sh\n([\s\S]*?)```/g)].map(
    ([, block = ""]) => block,
  );
const commandsOf = (file: string, start: RegExp): string[] =>
  blocksOf(file)
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"))
    .filter((line) => start.test(line));

test("each `helm install` and `helm upgrade` renders", async () => {
  const commands = ["docs/kubernetes.md", "helm/veche/README.md"].flatMap((file) =>
    commandsOf(file, /^helm (install|upgrade) /),
  );
  expect(commands.length).toBeGreaterThanOrEqual(4);
  for (const command of commands) {
    const args = command
      .replace("<where the image is>", "veche")
      .replace("my-values.yaml", "helm/veche/values-production.yaml")
      .split(/ +/)
      .slice(2)
      // What comes from the release before can't be had without one.
      .filter((arg) => !/^--(create-namespace|reset-then-reuse-values|reuse-values)$/.test(arg))
      .map((arg) => arg.replace(/^helm\/veche/, join(ROOT, "helm/veche")));
    const reused = /reuse-values/.test(command) ? ["--set", "image.repository=veche"] : [];
    const { code, stderr } = await run("helm", ["template", ...args, ...reused]);
    expect([command, code, stderr]).toEqual([command, 0, ""]);
  }
});

test("the secrets of k8s/README.md are made as it says, and its keys are good", async () => {
  const folder = mkdtempSync(join(tmpdir(), "veche-secrets-"));
  const script = blocksOf("k8s/README.md")
    .join("\n")
    .replaceAll(/^kubectl apply .*$/gm, "")
    .replaceAll("--cert=<file> --key=<file>", "--cert=tls.crt --key=tls.key");
  const prelude = `set -eu
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.crt -subj /CN=t 2>/dev/null
    kubectl() { '${program("kubectl")}' "$@" --dry-run=client --output=yaml; echo ---; }\n`;
  const { stdout } = await promisify(execFile)("bash", ["-c", prelude + script], { cwd: folder });
  const secrets = parse(stdout) as unknown as { metadata: { name: string }; data: Record<string, string> }[];
  expect(secrets).toHaveLength(10);
  const passwords = secrets.flatMap(({ data }) =>
    data.password ? [Buffer.from(data.password, "base64").toString()] : [],
  );
  expect(passwords).toHaveLength(3);
  for (const password of passwords) expect(password).toMatch(/^p[0-9a-f]{40}$/);
  expect(directoryKeyRing(folder).signing()).toMatchObject({ kid: "1", algorithm: "ES256" });
  rmSync(folder, { recursive: true });
});

// What the documents of Kubernetes tell to type: as far as it goes without a cluster, it is typed here.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { parse as parseYaml } from "yaml";
import { loadConfig } from "../../lib/config.ts";
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
    .replaceAll(/^kubectl (apply|--namespace veche delete) .*$/gm, "")
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
  expect(directoryKeyRing(folder).signing()).toMatchObject({
    kid: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    algorithm: "ES256",
  });
  rmSync(folder, { recursive: true });
});

test("compose.yaml gives a configuration that Veche starts with, and the chart's own servers", async () => {
  const { services } = parseYaml(readFileSync(join(ROOT, "compose.yaml"), "utf8"), { merge: true });
  for (const name of ["veche", "schema"]) {
    expect(services[name]).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
    const { JWT_SECRET, REFRESH_SECRET, ...env } = services[name].environment;
    const given = (text: string) => /:-(.*)\}$/.exec(text)?.[1] ?? "";
    const config = loadConfig({
      ...env,
      NODE_ENV: "production",
      JWT_SECRET: given(JWT_SECRET),
      REFRESH_SECRET: given(REFRESH_SECRET),
    });
    expect(config.cluster).toBe(true);
  }
  const values = parseYaml(readFileSync(join(ROOT, "helm/veche/values.yaml"), "utf8"));
  for (const server of ["nats", "mongodb", "redis"]) {
    expect(services[server].image).toBe(values[server].bundled.image);
  }
});

test("the image has what runs, and nothing of the tests", () => {
  const kept = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n");
  for (const folder of ["lib", "mixins", "services", "clients", "scripts"])
    expect(kept).toContain(`!${folder}`);
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  expect(dockerfile).toMatch(/^ARG BASE=node:24-bookworm-slim$/m);
  const uid = Number(/^USER (\d+):\d+$/m.exec(dockerfile)?.[1]);
  expect(uid).toBe(1000);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const chart = parseYaml(readFileSync(join(ROOT, "helm/veche/Chart.yaml"), "utf8"));
  expect([chart.appVersion, /^ARG VERSION=(.+)$/m.exec(dockerfile)?.[1]]).toEqual([version, version]);
});

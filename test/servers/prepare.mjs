// Sees to it that the servers which the cluster tests start are on this machine: `npm run test:cluster` calls it first.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "target");

// Debian puts daemons into /usr/sbin, which is on root's PATH only.
const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin"];

function find(program) {
  return directories
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function fail(line) {
  console.error(`The cluster tests cannot run: ${line}`);
  process.exit(1);
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: here,
    env: { ...process.env, ...env },
    // Standard output is the caller's to parse; installers may not ask questions.
    stdio: ["ignore", 2, 2],
  });
  return status === 0 && !error;
}

/** Debian starts a daemon as soon as it is installed, unless this script forbids it. */
function withoutStartingServices(install) {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

function prepareDaemons() {
  const missing = ["nats-server", "redis-server"].filter((program) => !find(program));
  if (missing.length === 0) return;
  const packages = missing.join(" ");
  if (process.getuid?.() !== 0 || !find("apt-get")) {
    fail(`install ${packages} (Debian's packages have these names) and put them on PATH.`);
  }
  console.log(`Installing ${packages} …`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const installed = withoutStartingServices(
    () =>
      run("apt-get", ["update", "-qq"], env) &&
      run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], env),
  );
  const still = missing.filter((program) => !find(program));
  if (!installed || still.length > 0) fail(`apt-get could not install ${packages}; its message is above.`);
}

function prepareMongo() {
  if (process.env.TEST_MONGO_URL) return;
  const java = ["java", "javac"].filter((program) => !find(program));
  if (java.length > 0) {
    fail(`${java.join(" and ")} not found: install a JDK 17 or newer, or name a MongoDB in TEST_MONGO_URL.`);
  }
  const stamp = join(target, "stamp");
  const wanted = createHash("sha256")
    .update(readFileSync(join(here, "pom.xml")))
    .update(readFileSync(join(here, "DurableMongo.java")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;

  if (!find("mvn")) fail("mvn not found: install Maven, or name a MongoDB in TEST_MONGO_URL.");
  console.log("Fetching the MongoDB-compatible server (once) …");
  for (const part of ["classes", "dependency"]) rmSync(join(target, part), { recursive: true, force: true });
  if (!run("mvn", ["-q", "-B", "-f", "pom.xml", "dependency:copy-dependencies"])) {
    fail("Maven could not fetch the MongoDB-compatible server; its message is above.");
  }
  if (!run("javac", ["-d", "target/classes", "-cp", "target/dependency/*", "DurableMongo.java"])) {
    fail("DurableMongo.java does not compile; the compiler's message is above.");
  }
  // Last, so that what was broken off is done again.
  writeFileSync(stamp, wanted);
}

const GCS = "github.com/fsouza/fake-gcs-server@v1.56.1";

function prepareGcs() {
  const bin = join(target, "bin");
  if (existsSync(join(bin, "fake-gcs-server"))) return;
  if (!find("go"))
    fail("go not found: install Go 1.24 or newer, which builds the server for Google Cloud Storage.");
  console.log("Building fake-gcs-server (once, some minutes) …");
  if (!run("go", ["install", GCS], { GOBIN: bin })) fail(`go could not build ${GCS}; its message is above.`);
}

prepareDaemons();
prepareMongo();
prepareGcs();
const mongo = process.env.TEST_MONGO_URL ? "the MongoDB of TEST_MONGO_URL" : "mongo-java-server";
console.log(
  `Servers for the cluster tests: ${find("nats-server")}, ${find("redis-server")}, ${mongo}, fake-gcs-server.`,
);

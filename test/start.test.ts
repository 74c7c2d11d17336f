import { readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { Variables } from "../lib/config.ts";
import { makeDirectory, removeDirectory } from "./servers/custody.ts";
import { eventually } from "./servers/eventually.ts";
import { startVeche } from "./servers/processes.ts";
import { runScript } from "./support/scripts.ts";

const directory = makeDirectory("start");
afterAll(() => removeDirectory(directory));

const SECRET = "0123456789abcdef0123456789abcdef";
const root = join(import.meta.dirname, "..");

test.each([
  ["a short JWT_SECRET in production", { NODE_ENV: "production", JWT_SECRET: "short" }, ["JWT_SECRET"]],
  ["no JWT_SECRET in production", { NODE_ENV: "production" }, ["JWT_SECRET"]],
  [
    "NATS_URL without MONGO_URL where a service keeps data",
    { NATS_URL: "nats://127.0.0.1:1", JWT_SECRET: SECRET, REFRESH_SECRET: SECRET },
    ["MONGO_URL"],
  ],
  [
    "three wrong variables",
    { PORT: "http", BCRYPT_COST: "99", DATA_FSYNC: "maybe" },
    ["PORT", "DATA_FSYNC", "BCRYPT_COST"],
  ],
  ["an unknown service", { SERVICES: "auth,nobody" }, ["SERVICES"]],
  ["a TRUST_PROXY that is no address", { TRUST_PROXY: "my-proxy" }, ["TRUST_PROXY"]],
  ["a directory without keys", { JWT_KEYS_DIR: directory }, ["JWT_KEYS_DIR"]],
])("%s: one line for each, exit code 1, nothing touched", async (_, env, named) => {
  const dataDir = join(directory, "untouched");
  const { code, stderr } = await runScript("start", [], { DATA_DIR: dataDir, ...env });
  expect(code).toBe(1);
  const lines = stderr.trim().split("\n");
  expect(lines).toHaveLength(named.length);
  for (const name of named)
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^veche: ${name}\\b`)));
  expect(await readdir(directory)).not.toContain("untouched");
});

test("a second process on one DATA_DIR is refused, and the first goes on; a taken port is told", async () => {
  const veche = await startVeche({ name: "veche", directory });
  await veche.ready();
  const second = await runScript("start", [], { DATA_DIR: join(directory, "veche"), PORT: "0" });
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/^veche: DATA_DIR .* is in use by another Veche process.*\n$/);
  expect((await fetch(`${veche.baseUrl}/v1/me`)).status).toBe(401);

  const port = new URL(veche.baseUrl).port;
  const third = await runScript("start", [], { DATA_DIR: join(directory, "third"), PORT: port });
  expect(third.code).toBe(1);
  expect(third.stderr).toMatch(new RegExp(`^veche: PORT ${port} .*in use.*\n$`));
  await veche.remove();
});

test("a HOST that is no address of this machine ends the start with one line", async () => {
  const { code, stderr } = await runScript("start", [], {
    DATA_DIR: join(directory, "host"),
    HOST: "192.0.2.77",
    PORT: "0",
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^veche: HOST 192\.0\.2\.77: .*\n$/);
});

test.each(["start", "admin", "demo"])("%s has --help", async (script) => {
  const { code, stdout } = await runScript(script, ["--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: npm /);
});

test("an administrator is made on a stopped instance, and only there", async () => {
  const veche = await startVeche({ name: "admins", directory });
  await veche.ready();
  const register = await fetch(`${veche.baseUrl}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "ann@example.com", password: "correct horse" }),
  });
  const { access_token } = (await register.json()) as { access_token: string };
  const env = { DATA_DIR: join(directory, "admins"), JWT_SECRET: SECRET };
  expect((await runScript("admin", ["ann@example.com"], env)).stderr).toContain("in use");
  await veche.stop();
  expect(await runScript("admin", ["ann@example.com"], env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("ann@example.com is now an administrator."),
  });
  expect(await runScript("admin", ["bob@example.com"], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("No account"),
  });
  await veche.start();
  const me = await fetch(`${veche.baseUrl}/v1/me`, { headers: { authorization: `Bearer ${access_token}` } });
  expect(await me.json()).toMatchObject({ role: "admin" });
  await veche.remove();
});

test("the README and .env.example have every variable, with its default, and no other", () => {
  const table = new Map(
    [
      ...readFileSync(join(root, "README.md"), "utf8").matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? *\|/gm),
    ].map(([, name, value]) => [name, value ?? ""]),
  );
  const example = new Map(
    [...readFileSync(join(root, ".env.example"), "utf8").matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(
      ([, name, value]) => [name, value],
    ),
  );
  const names = Object.keys(Variables.shape);
  expect([...table.keys()].toSorted()).toEqual(names.toSorted());
  expect(example).toEqual(table);
  const defaults = Variables.parse({}) as Record<string, unknown>;
  for (const name of names) {
    // Some depend on others: HOST, LOG_LEVEL and DATA_DIR are set by loadConfig.
    const value = defaults[name];
    if (value !== undefined) expect([name, table.get(name)]).toEqual([name, String(value)]);
  }
});

test("more connections than the process may have files open do not end it", async () => {
  const program = join(directory, "few-files.mjs");
  // The limit is that of a small container; a process can't lower its own.
  writeFileSync(
    program,
    `import { spawn } from "node:child_process";
     const child = spawn("sh", ["-c", "ulimit -n 256 && exec \\"$0\\" \\"$1\\"", process.execPath, ${JSON.stringify(join(root, "scripts/start.ts"))}], { stdio: "inherit" });
     process.on("SIGTERM", () => child.kill("SIGTERM"));
     child.on("exit", (code) => process.exit(code ?? 1));`,
  );
  const veche = await startVeche({ name: "few-files", directory, program });
  await veche.ready();
  const { hostname, port } = new URL(veche.baseUrl);
  const sockets = Array.from({ length: 400 }, () => connect(Number(port), hostname).on("error", () => {}));
  // Those beyond the limit are closed by the server.
  await eventually(
    () => sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length > 100,
  );
  expect((await fetch(`${veche.healthUrl}/metrics`)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await eventually(async () => (await fetch(`${veche.baseUrl}/v1/me`)).status === 401);
  expect((await veche.stop()).code).toBe(0);
});

// What `docker compose up --build --wait` waits for. Docker is not needed: what compose.yaml says is read, and its checks are run.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { makeDirectory, removeDirectory } from "./servers/custody.ts";
import { eventually } from "./servers/eventually.ts";
import { startVeche } from "./servers/processes.ts";

const ROOT = join(import.meta.dirname, "..");
const directory = makeDirectory("compose");
afterAll(() => removeDirectory(directory));

interface Service {
  command?: string[];
  restart?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
}
const { services } = parse(readFileSync(join(ROOT, "compose.yaml"), "utf8"), { merge: true }) as {
  services: Record<string, Service>;
};

/** @returns the exit code of what a container runs to check itself */
function check(command: string[], env: Record<string, string>): Promise<number> {
  const [program, ...args] = command;
  expect(program).toBe("node");
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT, env }, (error) => resolve(error ? Number(error.code) : 0));
  });
}

test("--wait takes the end of a container that does one thing for a success", () => {
  const once = Object.entries(services).filter(([, { restart }]) => restart === "on-failure");
  expect(once.map(([name]) => name)).toEqual(["schema"]);
  // Compose: a container that ended fails the wait, unless another one depends on its having ended well.
  expect(services.veche?.depends_on).toEqual({ schema: { condition: "service_completed_successfully" } });
});

test("a container is healthy once it serves; the image's own check asks only whether it lives", async () => {
  const [kind, ...serves] = services.veche?.healthcheck?.test ?? [];
  expect(kind).toBe("CMD");
  const ofImage = /^HEALTHCHECK [^[]*(\[.*\])$/m.exec(
    readFileSync(join(ROOT, "Dockerfile"), "utf8").replaceAll("\\\n", ""),
  );
  const lives = JSON.parse(ofImage?.[1] ?? "[]") as string[];

  // Its servers are not there.
  const env = { NATS_URL: "nats://127.0.0.1:1", MONGO_URL: "mongodb://127.0.0.1:1/veche" };
  const waiting = await startVeche({ name: "waiting", directory, env });
  const port = () => ({ HEALTH_PORT: new URL(waiting.healthUrl).port });
  await eventually(async () => (await check(lives, port())) === 0);
  expect(await check(serves, port())).toBe(1);
  await waiting.remove();

  const serving = await startVeche({ name: "serving", directory });
  await serving.ready();
  const ports = { HEALTH_PORT: new URL(serving.healthUrl).port };
  expect([await check(lives, ports), await check(serves, ports)]).toEqual([0, 0]);
  await serving.remove();
});

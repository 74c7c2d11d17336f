import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { keptSecret } from "./data-dir.ts";

const directory = mkdtempSync(join(tmpdir(), "veche-data-"));
afterAll(() => rmSync(directory, { recursive: true }));

const MODULE = pathToFileURL(join(import.meta.dirname, "data-dir.ts")).href;
const PROGRAM = `
  import { lockDataDir } from ${JSON.stringify(MODULE)};
  try {
    lockDataDir(process.argv[1]);
    console.log("locked");
  } catch (error) {
    console.log(error.message);
  }
  setInterval(() => {}, 1000);
`;

/** A process that tries to lock the directory, and what it says of it. */
async function tryToLock(): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = await once(child.stdout, "data");
  return { child, said: String(chunk).trim() };
}

async function kill(child: ChildProcess) {
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("one process holds a directory, and a killed one leaves no lock behind", async () => {
  const first = await tryToLock();
  expect(first.said).toBe("locked");
  const second = await tryToLock();
  expect(second.said).toMatch(/in use by another Veche process/);
  await kill(second.child);
  await kill(first.child);

  // Several times over the lock that a killed one held.
  for (let round = 0; round < 3; round += 1) {
    const many = await Promise.all(Array.from({ length: 6 }, tryToLock));
    expect(many.filter(({ said }) => said === "locked")).toHaveLength(1);
    await Promise.all(many.map(({ child }) => kill(child)));
  }
  expect(readdirSync(directory)).toEqual(["lock"]);
});

test("a secret is made once, and only its owner may read it", () => {
  const secret = keptSecret(directory, "jwt");
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  expect(keptSecret(directory, "jwt")).toBe(secret);
  expect(keptSecret(directory, "refresh")).not.toBe(secret);
  expect(statSync(join(directory, "jwt.secret")).mode & 0o077).toBe(0);
});

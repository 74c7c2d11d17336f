// Notes which processes and directories the tests made, so that a guard ends them even when the tests are killed.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const held = new Set<string>();
let guard: ChildProcess | undefined;

/**
 * The guard is one small process a test file, there only while something is held. It waits for the end of its
 * stdin, which comes however the test process ends, SIGKILL included; hooks inside the test process would not
 * run then (and under Jest, `process.on("exit")` of a test is never called).
 */
function startGuard(): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL("guard.ts", import.meta.url))], {
    // A session of its own: Ctrl-C in the terminal and a signal to the whole group do not reach it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: {},
  });
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  child.stdin?.on("error", () => {});
  return child;
}

/** Takes a process id or a directory's absolute path into custody. */
export function hold(what: number | string): void {
  guard ??= startGuard();
  held.add(String(what));
  guard.stdin?.write(`+${what}\n`);
}

/** The process has ended, or the directory is gone. */
export function release(what: number | string): void {
  if (!held.delete(String(what))) return;
  guard?.stdin?.write(`-${what}\n`);
  if (held.size > 0) return;
  guard?.stdin?.end();
  guard = undefined;
}

/** A fresh temporary directory, in custody until `removeDirectory`. */
export function makeDirectory(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `veche-${name}-`));
  hold(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  release(directory);
}

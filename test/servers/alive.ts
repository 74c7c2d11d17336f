// Whether a process still runs.
import { readFileSync } from "node:fs";

/** A zombie, which waits for a parent that may never ask, counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // No /proc on this system, or it has just gone: then the next look tells.
    return true;
  }
}

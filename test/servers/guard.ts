// Outlives the tests by a moment: when its stdin closes, it ends the processes and removes the directories it was told of.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { isAlive } from "./alive.ts";

const held = new Set<string>();

// "+4711" and "+/tmp/x" take something into custody, "-4711" and "-/tmp/x" let it go.
for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith("+")) held.add(line.slice(1));
  else held.delete(line.slice(1));
}

const pids = [...held].filter((what) => /^\d+$/.test(what)).map(Number);
const directories = [...held].filter((what) => !/^\d+$/.test(what));

for (const pid of pids) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
// A process that is still dying may write into its directory while we empty it.
for (let tries = 0; tries < 100 && pids.some(isAlive); tries++) await wait(20);
for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });

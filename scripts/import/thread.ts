/** The thread that reads the file. It has no database and no broker, so that what it holds is the importer's own. */
import { getHeapStatistics } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { callsOver, patient } from "./remote.ts";
import { importFile, type RunProgress, type RunResult } from "./run.ts";
import { SYSTEMS } from "./systems.ts";

export interface ThreadStart {
  file: string;
  system: string;
  again: boolean;
}

/** In bytes: what the thread's heap has at the moment, garbage too, and had at most. */
export interface ThreadMemory {
  heap: number;
  peak: number;
}

export type ThreadMessage =
  | { event: "progress"; progress: RunProgress; memory: ThreadMemory }
  | { event: "result"; result: RunResult; memory: ThreadMemory }
  | { event: "waiting"; reason: string }
  | { event: "failed"; message: string };

const port = parentPort;
if (!port) throw new Error("This is a thread of scripts/import.ts.");

// As scripts/import.ts starts it.
const { file, system: name, again } = workerData as ThreadStart;
const stop = new AbortController();
port.on("message", (message: unknown) => {
  if (message === "stop") stop.abort();
});

let peak = 0;
function memory(): ThreadMemory {
  const { used_heap_size, external_memory } = getHeapStatistics();
  const heap = used_heap_size + external_memory;
  peak = Math.max(peak, heap);
  return { heap, peak };
}

const say = (message: ThreadMessage) => port.postMessage(message);

try {
  const system = SYSTEMS.find((each) => each.name === name);
  if (!system) throw new Error(`there is no system ${name}`);
  const result = await importFile({
    ...{ file, system, again },
    calls: patient(callsOver(port), stop.signal, (reason) => say({ event: "waiting", reason })),
    signal: stop.signal,
    onProgress: (progress) => say({ event: "progress", progress, memory: memory() }),
  });
  say({ event: "result", result, memory: memory() });
} catch (error) {
  say({ event: "failed", message: (error as Error).message });
} finally {
  port.close();
}

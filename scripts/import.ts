// `npm run import -- <system> <file>`: takes over what an older system holds.
import { accessSync, constants } from "node:fs";
import { Worker } from "node:worker_threads";
import type { ThreadMessage, ThreadStart } from "./import/thread.ts";
import { onSignal } from "./signals.ts";

onSignal(() => process.exit(1));
const { dryRun } = await import("./import/dry-run.ts");
const { answerCalls } = await import("./import/remote.ts");
const { ProgressLine, summary } = await import("./import/report.ts");
const { assertOfSystem } = await import("./import/run.ts");
const { SYSTEMS } = await import("./import/systems.ts");
const { configFromEnvironment, end, makeBroker } = await import("./process.ts");
const { loadServices, serviceNames } = await import("./services.ts");

const NAMES = SYSTEMS.map(({ name }) => name).join(", ");

const HELP = `Usage: npm run import -- <system> <file.ndjson>   take over what an older system holds
       … --dry-run   only look whether each line is well-formed: nothing is written, Veche may run or not
       … --again     look at each record anew, also of a file that was imported before

Systems: ${NAMES}
docs/import.md says what their files look like.

With NATS_URL it brings the data to the running cluster. Without, it opens DATA_DIR itself: stop Veche first.
It can be interrupted, killed too: the same command goes on. What is there already stays as it is.
It ends with 0, with 2 where some records were refused, with 1 where it did not come to the end.`;

/** Of the thread that reads the file, in MiB. It needs a fraction of it, however long the file is. */
const THREAD_HEAP_MIB = 192;
const SERVICES_WITHIN_MS = 10_000;
const USED = ["imports", "auth", "users", "rooms", "chat", "social", "posts"];
const REFUSED = 2;

const options = process.argv.slice(2).filter((word) => word.startsWith("-"));
const [name, file, ...more] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const asked = options.includes("--help") || options.includes("-h");
const unknown = options.filter((option) => !["--dry-run", "--again"].includes(option));
if (asked || name === undefined || file === undefined || more.length > 0 || unknown.length > 0) {
  console.log(HELP);
  process.exit(asked ? 0 : 1);
}
const system =
  SYSTEMS.find((each) => each.name === name) ?? end([`There is no system "${name}"; there are ${NAMES}.`]);
try {
  accessSync(file, constants.R_OK);
} catch (error) {
  end([`${file} can't be read: ${(error as NodeJS.ErrnoException).code}`]);
}

await assertOfSystem(file, system).catch((error: Error) => end([error.message]));
if (options.includes("--dry-run")) {
  const { said, sound } = await dryRun(file, system);
  console.log(said);
  process.exit(sound ? 0 : REFUSED);
}

const config = configFromEnvironment(true);
const broker = makeBroker({ ...config, LOG_LEVEL: "error" });
// All that a gateway stands before: what one of them changes, another's sweep may have to finish.
const all = serviceNames().filter((service) => service !== "api");
if (!config.cluster) for (const schema of await loadServices(all)) broker.createService(schema);
await broker.start();

process.exitCode = 1;
try {
  await broker
    .waitForServices(
      USED.map((service) => `v1.${service}`),
      SERVICES_WITHIN_MS,
    )
    .catch(() => {
      throw new Error(`Not all of these services answer: ${USED.join(", ")}. Nothing was imported.`);
    });
  process.exitCode = await runThread({ file, system: system.name, again: options.includes("--again") });
} catch (error) {
  console.error(`veche: ${(error as Error).message}`);
} finally {
  await broker.stop();
}

/** @returns the exit code */
function runThread(start: ThreadStart): Promise<number> {
  const begun = performance.now();
  const line = new ProgressLine(process.stderr);
  const worker = new Worker(new URL("import/thread.ts", import.meta.url), {
    workerData: start,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });
  answerCalls(worker, broker);
  onSignal(() => worker.postMessage("stop"));
  let code = 1;
  worker.on("message", (message: Partial<ThreadMessage>) => {
    if (message.event === "progress" && message.progress && message.memory) {
      line.show(message.progress, message.memory);
    } else if (message.event === "result" && message.result && message.memory) {
      const { result, memory } = message;
      line.end();
      console.log(summary(result, (performance.now() - begun) / 1_000, memory, !config.cluster));
      if (!result.finished) console.error("veche: stopped. The same command goes on from here.");
      else code = Object.keys(result.tally.reasons).length > 0 ? REFUSED : 0;
    } else if (message.event === "waiting") {
      line.wait(message.reason ?? "");
    } else if (message.event === "failed") {
      line.end();
      console.error(`veche: ${message.message} What was done is kept: the same command goes on.`);
    }
  });
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => resolve(code));
  });
}

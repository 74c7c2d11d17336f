// `npm run schema`: brings the schema of the database up to this version. Run it before or while a new version starts.
import { onSignal } from "./signals.ts";

const UNFINISHED = "The schema was not changed to its end: run it again.";
onSignal(() => {
  console.error(`veche: ${UNFINISHED}`);
  process.exit(1);
});
const { lockDataDir } = await import("../lib/data-dir.ts");
const { changeSchema } = await import("../mixins/schema/change-schema.ts");
const { schemaSteps, versionAfter } = await import("../mixins/schema/steps.ts");
const { configFromEnvironment, end } = await import("./process.ts");

const HELP = `Usage: npm run schema      bring the schema of the database at MONGO_URL up to version ${versionAfter(schemaSteps)}

Waits for the database, and for another one that does the same. Without MONGO_URL it opens DATA_DIR itself, which a process by
itself does anyway when it starts.`;

if (process.argv.includes("--help") || process.argv.includes("-h")) {
  console.log(HELP);
  process.exit(0);
}

const config = configFromEnvironment(true);
const stop = new AbortController();
onSignal(() => stop.abort());

try {
  if (!config.MONGO_URL && config.DATA_DIR) lockDataDir(config.DATA_DIR);
  const database = { mongoUrl: config.MONGO_URL, dataDir: config.DATA_DIR, fsync: config.DATA_FSYNC };
  // The console has what Moleculer's logger has, and there is no broker here.
  const version = await changeSchema(database, schemaSteps, console, stop.signal);
  console.log(`The schema is at version ${version}.`);
} catch (error) {
  end([stop.signal.aborted ? UNFINISHED : (error as Error).message]);
}

/**
 * Before the services of a process start, the schema must be one that they run on: their own version's or the next. In a cluster
 * the process waits for whoever changes it; one by itself changes it.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Middleware, ServiceBroker } from "moleculer";
import { openCollection } from "../collection/collection.ts";
import { runtimeOf } from "../runtime.ts";
import { changeSchema } from "./change-schema.ts";
import { schemaNotes, schemaVersion } from "./schema-note.ts";
import { type SchemaStep, versionAfter } from "./steps.ts";

const LOOK_EVERY_MS = 500;
const LOG_EVERY_MS = 30_000;

export function schemaWait(steps: SchemaStep[]): Middleware {
  const stop = new AbortController();
  return {
    name: "SchemaWait",
    async starting(broker: ServiceBroker) {
      const { config, database, lifecycle } = runtimeOf(broker);
      if (config.cluster && database.mongoUrl === undefined) return;
      const wanted = versionAfter(steps);
      let found = false;
      lifecycle.need(`schema ${wanted}`, () => found);
      if (config.cluster) await fits(broker, wanted, stop.signal);
      else await changeSchema(database, steps, broker.logger, stop.signal);
      found = true;
    },
    async stopping() {
      stop.abort();
    },
  };
}

/** Resolves when the schema is this version's or the next's. */
async function fits(broker: ServiceBroker, wanted: number, signal: AbortSignal): Promise<void> {
  const notes = await openCollection(schemaNotes, runtimeOf(broker).database, broker.logger, signal);
  let logged = Number.NEGATIVE_INFINITY;
  try {
    for (;;) {
      const version = await schemaVersion(notes).catch(() => undefined);
      if (version === wanted || version === wanted + 1) return;
      if (version !== undefined && performance.now() - logged >= LOG_EVERY_MS) {
        logged = performance.now();
        broker.logger.warn(
          version < wanted
            ? `The schema is at version ${version}, and this process needs ${wanted}: it waits until \`npm run schema\` was run.`
            : `The schema is at version ${version}, which this process is too old for: it goes with ${wanted} and ${wanted + 1}.`,
        );
      }
      await wait(LOOK_EVERY_MS, undefined, { signal });
    }
  } finally {
    await notes.close();
  }
}

/** Brings the schema of the database to the newest version: one process at a time, step by step. */
import { type DatabaseOptions, type Logger, openCollection } from "../collection/collection.ts";
import type { Document } from "../collection/document.ts";
import { SchemaLock, schemaNotes, schemaVersion } from "./schema-note.ts";
import { type SchemaDatabase, type SchemaStep, versionAfter } from "./steps.ts";

/**
 * Many may do it at once: each step is done by one of them. A schema that is newer already stays.
 * @param signal ends the waiting for the database, and for another who changes it
 * @returns the version that the schema has then
 * @throws what a step throws: the schema is then at the version before it
 */
export async function changeSchema(
  options: DatabaseOptions,
  steps: SchemaStep[],
  logger: Logger,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const notes = await openCollection(schemaNotes, options, logger, signal);
  try {
    if ((await schemaVersion(notes)) >= versionAfter(steps)) return await schemaVersion(notes);
    const lock = await SchemaLock.take(notes, signal);
    try {
      // Whoever had the lock before may have done it.
      const from = await schemaVersion(notes);
      for (const step of steps.filter(({ version }) => version > from)) {
        logger.info(`The schema goes to version ${step.version}: ${step.name}.`);
        await apply(step, options, logger, lock.lost);
        await lock.note(step.version);
      }
      return await schemaVersion(notes);
    } finally {
      await lock.release();
    }
  } finally {
    await notes.close();
  }
}

async function apply(step: SchemaStep, options: DatabaseOptions, logger: Logger, lost: AbortSignal) {
  const opened: { close(): Promise<void> }[] = [];
  const database: SchemaDatabase = {
    async open<D extends Document>(definition: Parameters<typeof openCollection<D>>[0]) {
      const collection = await openCollection(definition, options, logger, lost);
      opened.push(collection);
      return collection;
    },
  };
  try {
    await step.apply(database, lost);
  } finally {
    await Promise.all(opened.map((collection) => collection.close()));
  }
}

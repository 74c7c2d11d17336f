/**
 * What the schema of the database went through, one step a version. New collections and indexes need none: whoever opens a
 * collection makes them. A step is for documents that are there already.
 *
 * Pods of two versions run at the same time in every update, and after one that is taken back. So each version runs on its own
 * schema and on the next: a step only adds what the version before does not mind (expand), and what nobody reads any more is
 * taken away by a step of a later version (contract).
 */
import type { CollectionDefinition, OpenCollection } from "../collection/collection.ts";
import type { Document } from "../collection/document.ts";

export interface SchemaStep {
  /** The schema's version afterwards: 2 for the first step, and no hole. */
  version: number;
  /** For the log. */
  name: string;
  /**
   * Runs on a database in use, and again from its beginning after a crash: what is done already must do no harm.
   * @param database opens collections, by definitions of the step's own: those of the stores change
   * @param signal aborted when another runner has taken over
   */
  apply(database: SchemaDatabase, signal: AbortSignal): Promise<void>;
}

export interface SchemaDatabase {
  /** Closed for the step when it is over. */
  open<D extends Document>(definition: CollectionDefinition<D>): Promise<OpenCollection<D>>;
}

/** A database that has no note of its version is at 1. */
export const FIRST_VERSION = 1;

export const schemaSteps: SchemaStep[] = [];

export const versionAfter = (steps: SchemaStep[]): number => FIRST_VERSION + steps.length;

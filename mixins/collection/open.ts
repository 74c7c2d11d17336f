/** Opens a collection on whichever database the options name. */
import type { CollectionDefinition, DatabaseOptions, Logger, OpenCollection } from "./definition.ts";
import type { Document } from "./document.ts";
import { EmbeddedCollection } from "./embedded.ts";
import { MongoCollection } from "./mongo.ts";

const NEVER = new AbortController().signal;

/**
 * Needs no broker. Whoever opens a collection closes it.
 * @param signal ends the waiting for MongoDB, which otherwise goes on until it is there
 * @throws Error when the file is damaged or open already, or an index cannot be made
 */
export function openCollection<D extends Document>(
  definition: CollectionDefinition<D>,
  options: DatabaseOptions,
  logger: Logger,
  signal: AbortSignal = NEVER,
): Promise<OpenCollection<D>> {
  return options.mongoUrl === undefined
    ? EmbeddedCollection.open(definition, options, logger)
    : MongoCollection.open(definition, options, logger, signal);
}

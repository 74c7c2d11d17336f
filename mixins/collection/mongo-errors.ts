/** What the errors of MongoDB's driver mean to a store. */
import mongoose from "mongoose";
import { DuplicateKey, unavailable } from "../../lib/errors.ts";
import { type CollectionDefinition, indexName } from "./definition.ts";

const DUPLICATE = 11000;

/**
 * Codes of a server that cannot take the command now, or not in time: stepping down, shutting down, behind with its
 * majority, over the time limit. The drivers' specification ("Retryable Reads", "Server Discovery") lists them.
 */
const PASSING = new Set([
  6, 7, 50, 64, 89, 91, 100, 112, 134, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436,
]);

const AUTHENTICATION_FAILED = 18;
/** What MongoDB Atlas puts in its place, and in that of other refusals. */
const ATLAS_ERROR = 8000;

interface ServerError {
  code?: unknown;
  message?: string;
  errmsg?: string;
  keyPattern?: object;
  /** One or several, of a bulk write. */
  writeErrors?: { index: number; code: number; errmsg?: string }[] | { index: number };
}

/** @returns the error to throw instead: DuplicateKey, UNAVAILABLE, or itself */
export function translated(error: unknown, definition: CollectionDefinition): unknown {
  const server = error as ServerError;
  if (server.code === DUPLICATE) return duplicateKey(server, definition);
  return isPassing(error) ? unavailable() : error;
}

/** Whether the server does not take the user or the password of the URL: a secret that is being changed, or not right yet. */
export function isSignInRefused(error: unknown): boolean {
  if (!(error instanceof mongoose.mongo.MongoServerError)) return false;
  return error.code === AUTHENTICATION_FAILED || (error.code === ATLAS_ERROR && /auth/i.test(error.message));
}

/** Whether trying again later makes sense. */
export function isPassing(error: unknown): boolean {
  const { MongoNetworkError, MongoServerSelectionError, MongoNotConnectedError } = mongoose.mongo;
  const { MongoTopologyClosedError, MongoWriteConcernError } = mongoose.mongo;
  if (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoWriteConcernError
  ) {
    return true;
  }
  if (!(error instanceof mongoose.mongo.MongoError)) return false;
  // An insert of several that no server answered: the driver hides the error of the connection in one without a code.
  if (error instanceof mongoose.mongo.MongoBulkWriteError && error.code === undefined) return true;
  return (
    // The driver does not export the class.
    error.name === "MongoWaitQueueTimeoutError" ||
    isSignInRefused(error) ||
    (typeof error.code === "number" && PASSING.has(error.code)) ||
    error.hasErrorLabel("RetryableWriteError") ||
    error.hasErrorLabel("RetryableReadError")
  );
}

/** @returns how many documents went in before the one that an ordered bulk insert was refused for */
export function insertedBefore({ writeErrors }: ServerError): number | undefined {
  // Not `insertedCount`: servers compatible with MongoDB may get it wrong.
  return [writeErrors ?? []].flat()[0]?.index;
}

function duplicateKey(error: ServerError, definition: CollectionDefinition): DuplicateKey {
  const first = [error.writeErrors ?? []].flat()[0] as { errmsg?: string } | undefined;
  const message = first?.errmsg ?? error.errmsg ?? error.message ?? "";
  // "E11000 duplicate key error collection: veche.accounts index: email dup key: …"; old servers write "veche.accounts.$email".
  const named = /index: (?:\S+\.\$)?(\S+)/.exec(message)?.[1];
  if (named === "_id_" || named === "_id") return new DuplicateKey("_id");
  const declared = (definition.indexes ?? []).map(indexName);
  if (named !== undefined && declared.includes(named)) return new DuplicateKey(named);
  const fields = Object.keys(error.keyPattern ?? {}).join(",");
  const index = definition.indexes?.find((candidate) => candidate.fields.join(",") === fields);
  return new DuplicateKey(index ? indexName(index) : (named ?? "_id"));
}

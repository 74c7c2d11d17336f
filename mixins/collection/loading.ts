/** The way from a file into NeDB's memory. */
import DbService from "moleculer-db";
import { readDocuments } from "./data-file.ts";
import type { Logger } from "./definition.ts";
import type { Document } from "./document.ts";
import type { Datastore } from "./nedb.ts";

export interface Loaded {
  /** In the order of their ids. */
  documents: Document[];
  /** Whether the file is to be written anew before anything is appended to it. */
  untidy: boolean;
}

/** @throws Error when the file is damaged */
export async function load(datastore: Datastore, filename = "", logger: Logger): Promise<Loaded> {
  const { persistence } = datastore;
  let untidy = false;
  persistence.treatRawStreamAsync = async (text) => {
    const { documents, lines, torn, ended } = await readDocuments(text, filename);
    if (torn > 0) {
      logger.warn(`${filename}: left out a last line of ${torn} characters, cut off by a crash`);
    }
    // What was deleted is to go. And what comes next would become a part of a line without an end.
    untidy = !ended || lines > documents.length;
    return { data: documents.sort(byId), indexes: {} };
  };
  // NeDB would write the file anew at each start, also where nothing in it was replaced.
  persistence.persistCachedDatabaseAsync = async () => {};
  // Reads the file, and fills the tree of `_id`.
  await new DbService.MemoryAdapter(datastore as unknown as object).connect();
  return { documents: datastore.getAllData(), untidy };
}

const byId = (a: Document, b: Document) => (a._id < b._id ? -1 : 1);

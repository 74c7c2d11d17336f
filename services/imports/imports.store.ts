/** The collections of what was taken over, and of how far each file is. */
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface ImportedRecordDocument {
  /** `<system>.<kind>.<key>`: what the older system calls it. */
  _id: string;
  /** What it is here. Of kinds that have no id of their own, empty. */
  id: string;
  /** It was made. Stays when that is gone again, so that it does not come back. */
  done?: true;
}

export interface CounterDocument {
  _id: "next";
  /** Of the last id that was given away. */
  number: number;
}

export interface FileProgressDocument {
  /** `<system>.<SHA-256 of the file>` */
  _id: string;
  /** In bytes: of the first line that may still have to be taken over. */
  offset: number;
  state: string;
}

export const importsCollections = {
  records: defineCollection<ImportedRecordDocument>({ name: "imported_records" }),
  counters: defineCollection<CounterDocument>({ name: "import_counters" }),
  files: defineCollection<FileProgressDocument>({ name: "import_files" }),
};

export const recordId = (system: string, kind: string, key: string): string => `${system}.${kind}.${key}`;

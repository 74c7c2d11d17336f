/** The parts of NeDB that the embedded collection stands on, typed: its own types leave them out. */

import nedb from "@seald-io/nedb";
import type { Document } from "./document.ts";

/** A node of NeDB's AVL tree. The root of an empty tree has no key of its own. */
export interface TreeNode {
  key?: unknown;
  data: Document[];
  left: TreeNode | null;
  right: TreeNode | null;
}

export interface Tree {
  tree: TreeNode;
  search(key: unknown): Document[];
}

export interface Datastore {
  /** One task after another; loading goes through it too. */
  executor: { pushAsync<T>(task: () => Promise<T>): Promise<T> };
  indexes: { _id: { tree: Tree; insert(document: Document): void; remove(document: Document): void } };
  persistence: {
    /** Makes documents of the file's text. */
    treatRawStreamAsync(text: AsyncIterable<string>): Promise<{ data: Document[]; indexes: object }>;
    /** Writes the file anew. */
    persistCachedDatabaseAsync(): Promise<void>;
  };
  getAllData(): Document[];
}

interface DatastoreOptions {
  filename?: string;
  modes: { fileMode: number; dirMode: number };
  afterSerialization(line: string): string;
  beforeDeserialization(line: string): string;
  testSerializationHooks: false;
}

export const NedbDatastore = nedb as unknown as new (options: DatastoreOptions) => Datastore;

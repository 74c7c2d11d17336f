/** What a store declares and what it gets: a collection, whatever database is behind it. */

import type { DuplicateKey } from "../../lib/errors.ts";
import type { Document } from "./document.ts";
import type { Filter, Sort, Update } from "./query.ts";

export interface Index {
  /** Names the index in `DuplicateKey`. By default the fields, joined by `_`. */
  name?: string;
  /** Ascending, in this order. A path into subdocuments is dotted; of an array each element is indexed (one array an index). */
  fields: [string, ...string[]];
  /** Absent counts as null here: two documents that lack a unique field clash. */
  unique?: true;
}

/** `_id` is indexed and unique without saying. */
export interface CollectionDefinition<D extends Document = Document> {
  name: string;
  indexes?: Index[];
  /** Only for the types: there is no such value. */
  readonly document?: D;
}

export const defineCollection = <D extends Document>(
  definition: CollectionDefinition<D>,
): CollectionDefinition<D> => definition;

export const indexName = ({ name, fields }: Index): string => name ?? fields.join("_");

/** The fields that a document may lack. */
type OptionalField<D> = { [F in keyof D & string]-?: object extends Pick<D, F> ? F : never }[keyof D &
  string];

export interface FindOptions<D> {
  /** One that goes the way of an index, forwards or backwards. */
  sort?: Sort<D>;
  /** What is not read: for large fields that the answer does not need. */
  omit?: readonly OptionalField<D>[];
  /** 1 to 10,000. */
  limit: number;
}

export interface PageQuery<D> {
  /** A field of strings that has an index of its own, `_id` by default. Its values should be distinct: of equal ones those
   * that do not fit into a page are passed over by the next. */
  index?: keyof D & string;
  /** What the keys start with; empty for all. */
  prefix: string;
  /** Only what comes after this key in the order that is read. */
  after?: string;
  /** Only what comes before this key in the order that is read. */
  before?: string;
  /** `asc` by default. */
  order?: "asc" | "desc";
  /** 1 to 10,000. */
  limit: number;
  /** Leaves out what does not match. The page costs what is read until it is full or the keys are at an end, so this is for
   * filters that most documents pass. */
  where?: Filter<D>;
  /** As of `find`. */
  omit?: readonly OptionalField<D>[];
}

/**
 * Documents go in and come out as plain copies. Each write of one document is atomic; one of several documents is not.
 *
 * A method that writes answers when the write is safe: with MongoDB on the majority's journals, else in the file. All reject
 * with UNAVAILABLE when the database does not answer; then a write may have happened or not.
 *
 * Under test, all reject what no index serves: an equality prefix of an index, then one `$in`, one range, or the sort; or an
 * `$in`, and on the fields after it one range and the sort, for which the walks of its values are merged.
 */
export interface Collection<D extends Document> {
  findById(id: string): Promise<D | null>;
  /** @param ids at most 1000, in any order; the answer has no order and leaves out what is missing */
  findByIds(ids: string[], options?: Pick<FindOptions<D>, "omit">): Promise<D[]>;
  findOne(filter: Filter<D>): Promise<D | null>;
  find(filter: Filter<D>, options: FindOptions<D>): Promise<D[]>;
  /** Reads one range of keys in order. */
  page(query: PageQuery<D>): Promise<D[]>;
  /** @throws DuplicateKey */
  insert(document: D): Promise<D>;
  /**
   * Inserts in order and stops at the first refusal: the first `inserted` documents are kept.
   * @param documents at most 10,000
   */
  insertMany(documents: D[]): Promise<{ inserted: number; duplicate?: DuplicateKey }>;
  /** @returns whether a document matched, changed by it or not. @throws DuplicateKey */
  updateOne(filter: Filter<D>, update: Update<D>): Promise<boolean>;
  /** For thousands of documents at most. @returns how many matched. @throws DuplicateKey: some are changed then */
  updateMany(filter: Filter<D>, update: Update<D>): Promise<number>;
  /**
   * Finds and changes one document as one step.
   * @param options upsert: where none matches, inserts one of the filter's equalities (`_id` must be among them) and the update
   * @returns the document as it is afterwards, null when none matched
   * @throws DuplicateKey also when an upsert's `_id` is there and the rest of the filter does not match
   */
  findOneAndUpdate(filter: Filter<D>, update: Update<D>, options?: { upsert?: boolean }): Promise<D | null>;
  deleteOne(filter: Filter<D>): Promise<boolean>;
  /** In portions, others' work goes on in between. @returns how many were deleted */
  deleteMany(filter: Filter<D>): Promise<number>;
  /** Costs as much as there are documents that match: for counts known to be small. */
  count(filter: Filter<D>): Promise<number>;
}

/** The part of Moleculer's logger that is used. */
export interface Logger {
  debug(...message: unknown[]): void;
  info(...message: unknown[]): void;
  warn(...message: unknown[]): void;
  error(...message: unknown[]): void;
}

export interface DatabaseOptions {
  /** MongoDB where given; its path names the database. */
  mongoUrl?: string;
  /** Directory of NeDB's files; in memory where absent. */
  dataDir?: string;
  /** NeDB: has the disk confirm each write before it is answered. Else a crash of the machine, not of the process, can lose
   * the last half minute. */
  fsync?: boolean;
  /** Refuses what no index serves. */
  checkQueries?: boolean;
  namespace?: string;
}

export interface OpenCollection<D extends Document> extends Collection<D> {
  /** What is under way finishes, what comes later is UNAVAILABLE. */
  close(): Promise<void>;
}

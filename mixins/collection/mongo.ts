/** A collection in MongoDB, or a server compatible with it. */
import { DuplicateKey, unavailable } from "../../lib/errors.ts";
import {
  type CollectionDefinition,
  type DatabaseOptions,
  type FindOptions,
  indexName,
  type Logger,
  type OpenCollection,
  type PageQuery,
} from "./definition.ts";
import { copyDocument, type Document } from "./document.ts";
import { connectMongo, type MongoConnection, OPERATION_TIMEOUT_MS } from "./mongo-connection.ts";
import { insertedBefore, isPassing, translated } from "./mongo-errors.ts";
import { type PlannedIndex, plannedIndexes } from "./plan.ts";
import {
  assertLimit,
  type Filter,
  MAX_LIMIT,
  parseFilter,
  parseSort,
  parseUpdate,
  type SortKeys,
  type Update,
  upsertSeed,
} from "./query.ts";
import { assertServed, pageIndex } from "./query-check.ts";

const PORTION = 1000;
/** Two upserts of one document can both find none; the loser's insert is refused, and finds the winner's the next time. */
const UPSERT_ATTEMPTS = 3;
const TIMED = { maxTimeMS: OPERATION_TIMEOUT_MS };
const INDEX_RETRY_MS = 500;

type DriverCollection = MongoConnection["collection"];
/** The driver's filter of plain documents. Ours are a part of it, which its types cannot see. */
type DriverFilter = Parameters<DriverCollection["find"]>[0];
type DriverUpdate = Parameters<DriverCollection["updateOne"]>[1];

export class MongoCollection<D extends Document> implements OpenCollection<D> {
  readonly #definition: CollectionDefinition<D>;
  readonly #connection: MongoConnection;
  readonly #indexes: PlannedIndex[];
  readonly #check: boolean;
  #closed = false;

  private constructor(definition: CollectionDefinition<D>, connection: MongoConnection, check: boolean) {
    this.#definition = definition;
    this.#connection = connection;
    this.#indexes = plannedIndexes(definition.indexes);
    this.#check = check;
  }

  /** Waits for the database, and makes the indexes that are missing. */
  static async open<D extends Document>(
    definition: CollectionDefinition<D>,
    { mongoUrl = "", checkQueries = false }: DatabaseOptions,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<MongoCollection<D>> {
    for (;;) {
      const connection = await connectMongo(mongoUrl, definition.name, logger, signal);
      try {
        await createIndexes(connection.collection, definition);
        return new MongoCollection(definition, connection, checkQueries);
      } catch (error) {
        await connection.release();
        signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        logger.warn(
          `the indexes of "${definition.name}" could not be made yet; trying again`,
          (error as Error).message,
        );
        await new Promise((resolve) => setTimeout(resolve, INDEX_RETRY_MS));
      }
    }
  }

  async findById(id: string): Promise<D | null> {
    return asOurs<D>(await this.#ask((collection) => collection.findOne({ _id: id }, TIMED)));
  }

  async findByIds(ids: string[], options: Pick<FindOptions<D>, "omit"> = {}): Promise<D[]> {
    const limit = Math.max(ids.length, 1);
    return this.find({ _id: { $in: ids } } as unknown as Filter<D>, { ...options, limit });
  }

  async findOne(filter: Filter<D>): Promise<D | null> {
    const query = this.#parse(filter, true);
    return asOurs<D>(await this.#ask((collection) => collection.findOne(query, TIMED)));
  }

  async find(filter: Filter<D>, { sort, limit, omit }: FindOptions<D>): Promise<D[]> {
    assertLimit(limit);
    const keys = parseSort(sort);
    const query = this.#parse(filter, true, keys);
    return this.#read(query, keys, limit, without(omit));
  }

  async page(asked: PageQuery<D>): Promise<D[]> {
    const { index = "_id", prefix, after, before, order, limit, where, omit } = asked;
    assertLimit(limit);
    pageIndex(this.#definition.name, this.#indexes, index);
    if (where) parseFilter(where);
    const range: Record<string, string> = {};
    const end = successor(prefix);
    const descending = order === "desc";
    const [above, below] = descending ? [before, after] : [after, before];
    if (above !== undefined && above >= prefix) range.$gt = above;
    else range.$gte = prefix;
    if (below !== undefined && (end === undefined || below < end)) range.$lt = below;
    else if (end !== undefined) range.$lt = end;
    const keyed = { [index]: range };
    const query = where && Object.keys(where).length > 0 ? { $and: [keyed, where] } : keyed;
    return this.#read(query as DriverFilter, [[index, descending ? -1 : 1]], limit, without(omit));
  }

  async insert(document: D): Promise<D> {
    const copy = copyDocument(document);
    await this.#ask((collection) => collection.insertOne(copy));
    return copy;
  }

  async insertMany(documents: D[]): Promise<{ inserted: number; duplicate?: DuplicateKey }> {
    if (documents.length > MAX_LIMIT)
      throw new TypeError(`at most ${MAX_LIMIT} documents are inserted at once`);
    const copies = documents.map(copyDocument);
    if (copies.length === 0) return { inserted: 0 };
    try {
      await this.#connection.collection.insertMany(copies, { ordered: true });
      return { inserted: copies.length };
    } catch (error) {
      const inserted = insertedBefore(error as object);
      const known = this.#translated(error);
      if (known instanceof DuplicateKey && inserted !== undefined) return { inserted, duplicate: known };
      throw known;
    }
  }

  async updateOne(filter: Filter<D>, update: Update<D>): Promise<boolean> {
    const query = this.#parse(filter, true);
    const changes = parseUpdate(update);
    if (Object.keys(changes).length === 0) return (await this.findOne(filter)) !== null;
    const { matchedCount } = await this.#ask((collection) =>
      collection.updateOne(query, changes as DriverUpdate),
    );
    return matchedCount > 0;
  }

  async updateMany(filter: Filter<D>, update: Update<D>): Promise<number> {
    const query = this.#parse(filter, false);
    const changes = parseUpdate(update);
    if (Object.keys(changes).length === 0) return this.count(filter);
    const { matchedCount } = await this.#ask((collection) =>
      collection.updateMany(query, changes as DriverUpdate),
    );
    return matchedCount;
  }

  async findOneAndUpdate(
    filter: Filter<D>,
    update: Update<D>,
    options?: { upsert?: boolean },
  ): Promise<D | null> {
    const query = this.#parse(filter, true);
    const changes = parseUpdate(update);
    const upsert = options?.upsert === true;
    if (upsert) upsertSeed(parseFilter(filter));
    const nothing = Object.keys(changes).length === 0;
    if (nothing && !upsert) return this.findOne(filter);
    // A server refuses an empty update; this one says no more than the filter.
    const given = (nothing ? { $set: { _id: filter._id } } : changes) as DriverUpdate;
    for (let attempt = 1; ; attempt++) {
      try {
        const options = { upsert, returnDocument: "after", ...TIMED } as const;
        return asOurs<D>(await this.#ask((collection) => collection.findOneAndUpdate(query, given, options)));
      } catch (error) {
        if (!upsert || !(error instanceof DuplicateKey) || attempt >= UPSERT_ATTEMPTS) throw error;
      }
    }
  }

  async deleteOne(filter: Filter<D>): Promise<boolean> {
    const query = this.#parse(filter, true);
    const { deletedCount } = await this.#ask((collection) => collection.deleteOne(query));
    return deletedCount > 0;
  }

  /** One command would outlast its time limit. */
  async deleteMany(filter: Filter<D>): Promise<number> {
    const query = this.#parse(filter, false);
    let deleted = 0;
    for (;;) {
      const found = await this.#read(query, [], PORTION, { _id: 1 });
      if (found.length === 0) return deleted;
      const portion = { $and: [{ _id: { $in: found.map(({ _id }) => _id) } }, query] } as DriverFilter;
      const { deletedCount } = await this.#ask((collection) => collection.deleteMany(portion));
      deleted += deletedCount;
      if (found.length < PORTION) return deleted;
    }
  }

  async count(filter: Filter<D>): Promise<number> {
    const query = this.#parse(filter, false);
    return this.#ask((collection) => collection.countDocuments(query, TIMED));
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#connection.release();
  }

  #parse(filter: Filter<D>, limited: boolean, sort: SortKeys = []): DriverFilter {
    const conditions = parseFilter(filter);
    if (this.#check) assertServed(this.#definition.name, this.#indexes, conditions, sort, limited);
    return filter as unknown as DriverFilter;
  }

  async #read(
    query: DriverFilter,
    keys: SortKeys,
    limit: number,
    projection?: Record<string, 0 | 1>,
  ): Promise<D[]> {
    // All in the first batch: a server closes the cursor with it.
    const options = { limit, batchSize: limit, ...(projection ? { projection } : {}), ...TIMED };
    const sort = new Map(keys);
    return (await this.#ask((collection) =>
      collection.find(query, options).sort(sort).toArray(),
    )) as Document[] as D[];
  }

  async #ask<T>(command: (collection: DriverCollection) => Promise<T>): Promise<T> {
    if (this.#closed) throw unavailable();
    try {
      return await command(this.#connection.collection);
    } catch (error) {
      throw this.#translated(error);
    }
  }

  #translated(error: unknown): unknown {
    return translated(error, this.#definition);
  }
}

const without = (fields: readonly string[] = []): Record<string, 0> | undefined =>
  fields.length > 0 ? Object.fromEntries(fields.map((field) => [field, 0] as const)) : undefined;

/** What is in the collection went in as a D; the driver's types know only that it has an _id. */
const asOurs = <D extends Document>(found: Document | null) => found as D | null;

/** Several processes may do it at once: an index that is there already is left as it is. */
async function createIndexes(collection: DriverCollection, definition: CollectionDefinition): Promise<void> {
  const specifications = (definition.indexes ?? []).map((index) => ({
    name: indexName(index),
    key: new Map(index.fields.map((field) => [field, 1 as const])),
    ...(index.unique ? { unique: true } : {}),
  }));
  if (specifications.length > 0) await collection.createIndexes(specifications);
}

/** The first string after all that start with the prefix, in order of code points; undefined when there is none. */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last >= 0x10ffff) continue;
    // No character is a surrogate.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** A collection on NeDB. */
import { setImmediate } from "node:timers/promises";
import { DuplicateKey } from "../../lib/errors.ts";
import type {
  CollectionDefinition,
  DatabaseOptions,
  FindOptions,
  Logger,
  OpenCollection,
  PageQuery,
} from "./definition.ts";
import { copyDocument, copyValue, type Document, valuesAt } from "./document.ts";
import { EmbeddedStore } from "./embedded-store.ts";
import { locate, matches } from "./matching.ts";
import { modified } from "./modifying.ts";
import { reachesAll, type WalkableIndex } from "./ordered-index.ts";
import { planQuery } from "./plan.ts";
import {
  assertLimit,
  type Changes,
  type Conditions,
  type Filter,
  MAX_LIMIT,
  parseFilter,
  parseSort,
  parseUpdate,
  type Range,
  type SortKeys,
  type Update,
  upsertSeed,
} from "./query.ts";
import { assertServed, pageIndex } from "./query-check.ts";
import type { Effort } from "./sorted-tree.ts";
import { bySort, walk } from "./walking.ts";

/** How many documents one operation reads or deletes before others get their turn. */
const PORTION = 1000;
/** At most, and as many as these milliseconds suffice for. */
const DELETED_AT_ONCE = 200;
const DELETING_MS = 5;

export class EmbeddedCollection<D extends Document> implements OpenCollection<D> {
  /** How many nodes of indexes were touched so far. */
  readonly effort: Effort = { touched: 0 };
  readonly #definition: CollectionDefinition<D>;
  readonly #store: EmbeddedStore;
  readonly #check: boolean;

  private constructor(definition: CollectionDefinition<D>, store: EmbeddedStore, check: boolean) {
    this.#definition = definition;
    this.#store = store;
    this.#check = check;
  }

  static async open<D extends Document>(
    definition: CollectionDefinition<D>,
    options: DatabaseOptions,
    logger: Logger,
  ): Promise<EmbeddedCollection<D>> {
    const store = await EmbeddedStore.open(definition, options, logger);
    return new EmbeddedCollection(definition, store, options.checkQueries === true);
  }

  async findById(id: string): Promise<D | null> {
    return this.#store.run(() => this.#copy(this.#store.primary.find(id)));
  }

  async findByIds(ids: string[], options: Pick<FindOptions<D>, "omit"> = {}): Promise<D[]> {
    const limit = Math.max(ids.length, 1);
    return this.find({ _id: { $in: ids } } as unknown as Filter<D>, { ...options, limit });
  }

  async findOne(filter: Filter<D>): Promise<D | null> {
    const conditions = this.#parse(filter, true);
    return this.#store.run(() => this.#copy(this.#first(conditions)));
  }

  async find(filter: Filter<D>, { sort, limit, omit = [] }: FindOptions<D>): Promise<D[]> {
    assertLimit(limit);
    const keys = parseSort(sort);
    const conditions = this.#parse(filter, true, keys);
    return this.#store.run(() => this.#select(conditions, keys, limit).map((found) => copyOf(found, omit)));
  }

  async page(query: PageQuery<D>): Promise<D[]> {
    const { index = "_id", prefix, after, before, order, limit, where, omit = [] } = query;
    assertLimit(limit);
    const walked = pageIndex(this.#definition.name, this.#store.indexes, index);
    const conditions: Conditions = where ? parseFilter(where) : new Map();
    const descending = order === "desc";
    const page: D[] = [];
    let from = after;
    while (page.length < limit) {
      const range: Range = descending
        ? { prefix, $lt: from, $gt: before }
        : { prefix, $gt: from, $lt: before };
      const portion = await this.#store.run(() =>
        this.#portion(walked, range, descending, limit - page.length, conditions),
      );
      for (const document of portion.documents) page.push(copyOf(document, omit));
      if (portion.reached === undefined) break;
      from = portion.reached;
      // It may go on for long, past much that is left out.
      await setImmediate();
    }
    return page;
  }

  async insert(document: D): Promise<D> {
    const copy = copyDocument(document);
    return this.#store.run(() => {
      this.#store.insert(copy);
      return copyValue(copy);
    });
  }

  async insertMany(documents: D[]): Promise<{ inserted: number; duplicate?: DuplicateKey }> {
    if (documents.length > MAX_LIMIT)
      throw new TypeError(`at most ${MAX_LIMIT} documents are inserted at once`);
    const copies = documents.map(copyDocument);
    return this.#store.run(() => {
      let inserted = 0;
      try {
        for (const copy of copies) {
          this.#store.insert(copy);
          inserted++;
        }
      } catch (error) {
        if (error instanceof DuplicateKey) return { inserted, duplicate: error };
        throw error;
      }
      return { inserted };
    });
  }

  async updateOne(filter: Filter<D>, update: Update<D>): Promise<boolean> {
    return (await this.findOneAndUpdate(filter, update)) !== null;
  }

  async updateMany(filter: Filter<D>, update: Update<D>): Promise<number> {
    const conditions = this.#parse(filter, false);
    const changes = parseUpdate(update);
    return this.#store.run(() => {
      const found = this.#select(conditions, [], Number.POSITIVE_INFINITY);
      for (const document of found) this.#replace(document, changes);
      return found.length;
    });
  }

  async findOneAndUpdate(
    filter: Filter<D>,
    update: Update<D>,
    options?: { upsert?: boolean },
  ): Promise<D | null> {
    const conditions = this.#parse(filter, true);
    const changes = parseUpdate(update);
    const seed = options?.upsert ? upsertSeed(conditions) : undefined;
    return this.#store.run(() => {
      const found = this.#first(conditions);
      if (found) return this.#copy(this.#replace(found, changes));
      if (!seed) return null;
      const inserted = modified(seed, changes);
      this.#store.insert(inserted);
      return this.#copy(inserted);
    });
  }

  async deleteOne(filter: Filter<D>): Promise<boolean> {
    const conditions = this.#parse(filter, true);
    return this.#store.run(() => {
      const found = this.#first(conditions);
      if (found) this.#store.remove(found);
      return found !== undefined;
    });
  }

  async deleteMany(filter: Filter<D>): Promise<number> {
    const conditions = this.#parse(filter, false);
    let deleted = 0;
    for (let more = true; more; ) {
      const portion = await this.#store.run(() => {
        const found = this.#select(conditions, [], DELETED_AT_ONCE);
        const until = performance.now() + DELETING_MS;
        let count = 0;
        while (count < found.length && performance.now() < until) this.#store.remove(found[count++] as D);
        return { count, more: count < found.length || count === DELETED_AT_ONCE };
      });
      deleted += portion.count;
      more = portion.more;
      // Where nothing is waited for, nothing else would get a turn.
      await setImmediate();
    }
    return deleted;
  }

  async count(filter: Filter<D>): Promise<number> {
    const conditions = this.#parse(filter, false);
    return this.#store.run(() => this.#select(conditions, [], Number.POSITIVE_INFINITY).length);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Writes the file anew, without what was replaced or deleted. */
  compact(): Promise<void> {
    return this.#store.compact();
  }

  #parse(filter: Filter<D>, limited: boolean, sort: SortKeys = []): Conditions {
    const conditions = parseFilter(filter);
    if (this.#check) {
      assertServed(this.#definition.name, this.#store.indexes, conditions, sort, limited);
    }
    return conditions;
  }

  #first(conditions: Conditions): Document | undefined {
    return this.#select(conditions, [], 1)[0];
  }

  #replace(document: Document, changes: Changes): Document {
    const after = modified(document, changes);
    this.#store.replace(document, after);
    return after;
  }

  /** The store's own documents, not copies. */
  #select(conditions: Conditions, sort: SortKeys, limit: number): D[] {
    const { eq, in: ids = eq === undefined ? [] : [eq], ...more } = conditions.get("_id") ?? {};
    if (ids.length > 0 && sort.length === 0)
      return this.#named(ids, new Map(conditions).set("_id", more), limit);
    const reachable = this.#store.indexes.filter((index) =>
      reachesAll(index, conditions.get(index.fields[0] ?? "")),
    );
    const plan = planQuery(reachable, conditions, sort, true);
    const found = new Set<Document>();
    for (const document of walk(plan, conditions, sort, this.effort)) {
      if (matches(document, conditions)) found.add(document);
      if (plan.sorted && found.size >= limit) break;
    }
    // What is in the store went in as a D.
    const documents = [...found] as D[];
    return plan.sorted ? documents : documents.sort(bySort(sort)).slice(0, limit);
  }

  /** Without a walk. @param conditions what else is asked of those with these ids */
  #named(ids: readonly unknown[], conditions: Conditions, limit: number): D[] {
    const found: D[] = [];
    for (const id of new Set(ids)) {
      if (found.length >= limit) break;
      const there = typeof id === "string" ? this.#store.primary.find(id) : undefined;
      this.effort.touched += 1;
      // What is in the store went in as a D.
      if (there && matches(there, conditions)) found.push(there as D);
    }
    return found;
  }

  #portion(index: WalkableIndex, range: Range, descending: boolean, limit: number, where: Conditions) {
    const field = index.fields[0] ?? "_id";
    const bounds = Object.fromEntries(Object.entries(range).filter(([, bound]) => bound !== undefined));
    const documents: D[] = [];
    let read = 0;
    let last: Document | undefined;
    for (const document of index.walk((key) => locate(key[0], bounds), descending, this.effort)) {
      // A portion ends between two keys, never among equal ones, so that the next can go on after the key.
      const key = keyOf(document, field);
      if (read >= PORTION && last && key !== keyOf(last, field))
        return { documents, reached: keyOf(last, field) };
      if (matches(document, where)) documents.push(document as D);
      if (documents.length === limit) break;
      read++;
      last = document;
    }
    return { documents, reached: undefined };
  }

  #copy(document: Document | undefined): D | null {
    return document ? copyValue(document as D) : null;
  }
}

function copyOf<D extends Document>(document: D, omit: readonly string[]): D {
  if (omit.length === 0) return copyValue(document);
  const kept: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(document)) {
    if (!omit.includes(field)) kept[field] = copyValue(value);
  }
  // Only what a D may lack is left out.
  return kept as unknown as D;
}

const keyOf = (document: Document, field: string) => valuesAt(document, field).values[0] as string;

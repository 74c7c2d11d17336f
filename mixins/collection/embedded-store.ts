/**
 * The documents of one embedded collection: in memory, indexed, each change in NeDB's file before its answer.
 *
 * Operations are plain functions over memory. Those that come in one turn of the event loop, or while a write is under way, run
 * together at its end, and their changes go to the file as one write (group commit). All of them, reads too, are answered after that
 * write: so no one sees what is not in the file. When the write fails, memory goes back to where it was and all are refused.
 *
 * NeDB gives the file's format, the queue and the tree of `_id`; this class stands in for its insert, update and
 * remove, since those leave a failed write in memory, and half a line of it in the file.
 */
import { join } from "node:path";
import { DuplicateKey, unavailable } from "../../lib/errors.ts";
import { BrokenFile, DataFile, DIRECTORY_MODE, escapeSeparators, FILE_MODE, serialize } from "./data-file.ts";
import type { CollectionDefinition, DatabaseOptions, Logger } from "./definition.ts";
import type { Document } from "./document.ts";
import { load } from "./loading.ts";
import { type Datastore, NedbDatastore } from "./nedb.ts";
import { OrderedIndex, PrimaryIndex, type WalkableIndex } from "./ordered-index.ts";
import { plannedIndexes } from "./plan.ts";
import { isPosting, PostingIndex } from "./posting-index.ts";
import { Rewrite } from "./rewrite.ts";

/** How many operations one turn takes, so that the event loop gets its turns too. */
const TURN = 256;
/** The file is compacted when it is twice as long as after the last time, and this much more. In bytes. */
const COMPACT_GROWTH = 16 * 1024 * 1024;
const COMPACT_CHECK_MS = 60_000;

interface Operation {
  run: () => unknown;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
}

/** Insert: only after. Remove: only before. */
interface Change {
  before?: Document;
  after?: Document;
}

/** Two writers would undo each other. */
const openFiles = new Set<string>();

export class EmbeddedStore {
  readonly primary: PrimaryIndex;
  /** The primary one first. */
  readonly indexes: WalkableIndex[];
  readonly #secondary: (OrderedIndex | PostingIndex)[];
  readonly #name: string;
  readonly #logger: Logger;
  readonly #datastore: Datastore;
  readonly #file: DataFile | undefined;
  #waiting: Operation[] = [];
  #scheduled = false;
  #changes: Change[] = [];
  #closed = false;
  #broken = false;
  #compactedSize = 0;
  #compacting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(definition: CollectionDefinition, options: DatabaseOptions, logger: Logger) {
    const { dataDir, fsync = false } = options;
    this.#name = definition.name;
    this.#logger = logger;
    const filename = dataDir === undefined ? undefined : join(dataDir, `${definition.name}.db`);
    this.#file = filename === undefined ? undefined : new DataFile(filename, fsync);
    this.#datastore = new NedbDatastore({
      filename,
      modes: { fileMode: FILE_MODE, dirMode: DIRECTORY_MODE },
      afterSerialization: escapeSeparators,
      beforeDeserialization: (line) => line,
      testSerializationHooks: false,
    });
    this.primary = new PrimaryIndex(() => this.#datastore.indexes._id.tree);
    this.#secondary = plannedIndexes(definition.indexes)
      .slice(1)
      .map((index) => (isPosting(index) ? new PostingIndex(index) : new OrderedIndex(index)));
    this.indexes = [this.primary, ...this.#secondary];
  }

  /** @throws Error when the file is damaged, is open already, or breaks a unique index */
  static async open(
    definition: CollectionDefinition,
    options: DatabaseOptions,
    logger: Logger,
  ): Promise<EmbeddedStore> {
    const store = new EmbeddedStore(definition, options, logger);
    await store.#open();
    return store;
  }

  async #open(): Promise<void> {
    const filename = this.#file?.filename;
    if (filename !== undefined) {
      if (openFiles.has(filename)) throw new Error(`${filename} is open already`);
      openFiles.add(filename);
    }
    try {
      if (filename !== undefined) await Rewrite.clear(filename);
      const { documents, untidy } = await load(this.#datastore, filename, this.#logger);
      this.#index(documents);
      if (this.#file) {
        await this.#file.open();
        this.#compactedSize = this.#file.size;
        if (untidy) await this.compact();
        this.#timer = setInterval(() => this.#compactIfGrown(), COMPACT_CHECK_MS).unref();
      }
    } catch (error) {
      await this.#file?.close();
      if (filename !== undefined) openFiles.delete(filename);
      throw error;
    }
  }

  #index(documents: Document[]): void {
    for (const index of this.#secondary) {
      const clash = index.load(documents);
      if (!clash) continue;
      const [one, other] = clash;
      throw new Error(
        `the collection "${this.#name}" breaks its unique index ${index.name}: see ${one._id} and ${other._id}`,
      );
    }
  }

  /**
   * @param operation synchronous; may call `insert`, `replace` and `remove`. What it has changed before it throws stays
   * @throws UNAVAILABLE when its turn could not be written, or the store is closed
   */
  run<T>(operation: () => T): Promise<T> {
    if (this.#closed || this.#broken) return Promise.reject(unavailable());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: operation, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** @throws DuplicateKey, and nothing has changed */
  insert(document: Document): void {
    this.#change({ after: document });
  }

  /** Both with the same `_id`. @throws DuplicateKey, and nothing has changed */
  replace(before: Document, after: Document): void {
    this.#change({ before, after });
  }

  remove(document: Document): void {
    this.#change({ before: document });
  }

  /** Writes the file anew, without what was replaced or removed. Others go on meanwhile, but for a moment at the end. */
  compact(): Promise<void> {
    const file = this.#file;
    if (!file) return Promise.resolve();
    this.#compacting ??= this.#compact(file).finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    // It ends by itself now.
    await this.#compacting?.catch(() => {});
    await this.#datastore.executor.pushAsync(async () => {
      while (this.#waiting.length > 0) await this.#turn();
      await this.#file?.close();
    });
    if (this.#file) openFiles.delete(this.#file.filename);
  }

  async #compact(file: DataFile): Promise<void> {
    const rewrite = await Rewrite.begin(file.filename);
    try {
      // Between two turns: what is in memory is what is in the file. A change makes a new document, and leaves these alone.
      const documents = await this.#datastore.executor.pushAsync(async () => {
        file.witness = rewrite;
        return this.#datastore.getAllData();
      });
      const isStopped = () => this.#closed || this.#broken;
      if (!(await rewrite.write(documents, isStopped))) throw unavailable();
      await this.#datastore.executor.pushAsync(async () => {
        if (isStopped()) throw unavailable();
        file.witness = undefined;
        try {
          await rewrite.finish();
        } finally {
          // Either file is whole. Should this fail, the handle is closed and the next append says so.
          await file.open();
        }
        this.#compactedSize = file.size;
      });
    } catch (error) {
      file.witness = undefined;
      await rewrite.discard();
      throw error;
    }
  }

  /** Behind what else this turn of the event loop brings, so that it goes into the same write. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#datastore.executor.pushAsync(async () => {
        this.#scheduled = false;
        await this.#turn();
        if (this.#waiting.length > 0) this.#schedule();
      });
    });
  }

  async #turn(): Promise<void> {
    const operations = this.#waiting.splice(0, TURN);
    const answers = operations.map(({ run, resolve, reject }) => {
      if (this.#broken) return () => reject(unavailable());
      try {
        const result = run();
        return () => resolve(result);
      } catch (error) {
        return () => reject(error);
      }
    });
    const changes = this.#changes;
    this.#changes = [];
    try {
      await this.#write(changes);
    } catch (error) {
      this.#undo(changes, error);
      for (const { reject } of operations) reject(unavailable());
      return;
    }
    for (const answer of answers) answer();
  }

  async #write(changes: Change[]): Promise<void> {
    if (!this.#file || changes.length === 0) return;
    const lines = changes.map(({ before, after }) =>
      serialize(after ?? { $$deleted: true, _id: before?._id }),
    );
    await this.#file.append(lines.join(""));
  }

  #undo(changes: Change[], error: unknown): void {
    this.#logger.error(`the collection "${this.#name}" could not be written`, error);
    for (const { before, after } of changes.reverse()) this.#apply({ before: after, after: before });
    if (error instanceof BrokenFile) this.#broken = true;
  }

  #change(change: Change): void {
    const { before, after } = change;
    if (after) {
      const other = this.primary.find(after._id);
      if (other && other !== before) throw new DuplicateKey("_id");
      const clashing = this.#secondary.find((index) => index.clash(after, before));
      if (clashing) throw new DuplicateKey(clashing.name);
    }
    this.#apply(change);
    this.#changes.push(change);
  }

  #apply({ before, after }: Change): void {
    if (before && after) {
      this.primary.replace(after);
      for (const index of this.#secondary) index.replace(before, after);
      return;
    }
    const indexes = [this.#datastore.indexes._id, ...this.#secondary];
    if (before) for (const index of indexes) index.remove(before);
    if (after) for (const index of indexes) index.insert(after);
  }

  #compactIfGrown(): void {
    const size = this.#file?.size ?? 0;
    if (size <= 2 * this.#compactedSize + COMPACT_GROWTH) return;
    this.compact().catch((error: unknown) => {
      // Closing breaks it off, and the next start makes up for it.
      if (!this.#closed) this.#logger.error(`the collection "${this.#name}" could not be compacted`, error);
    });
  }
}

/** The note in the database of which version its schema has, and the lock of who is changing it. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type Collection, DuplicateKey, defineCollection } from "../collection/collection.ts";
import type { Document } from "../collection/document.ts";
import { FIRST_VERSION } from "./steps.ts";

interface Note extends Document {
  version: number;
  /** Who changes the schema now; empty where nobody does. */
  holder: string;
  /** Milliseconds since 1970: until then nobody else may. */
  locked_until: number;
}

export const schemaNotes = defineCollection<Note>({ name: "schema" });

const ID = "schema";
/** Much longer than the clocks of two machines differ. */
const LOCK_MS = 60_000;
const TRY_AGAIN_MS = 500;

export const schemaVersion = async (notes: Collection<Note>): Promise<number> =>
  (await notes.findById(ID))?.version ?? FIRST_VERSION;

export class SchemaLock {
  readonly #notes: Collection<Note>;
  readonly #holder: string;
  readonly #lost = new AbortController();
  readonly #beat: NodeJS.Timeout;

  private constructor(notes: Collection<Note>, holder: string) {
    this.#notes = notes;
    this.#holder = holder;
    this.#beat = setInterval(() => void this.#extend(), LOCK_MS / 6);
    this.#beat.unref();
  }

  /** Waits while another has it; one that crashed is waited for no longer than a minute. @param signal ends the waiting */
  static async take(notes: Collection<Note>, signal: AbortSignal): Promise<SchemaLock> {
    try {
      await notes.insert({ _id: ID, version: FIRST_VERSION, holder: "", locked_until: 0 });
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
    }
    const holder = randomUUID();
    for (;;) {
      signal.throwIfAborted();
      const now = Date.now();
      const taken = await notes.updateOne(
        { _id: ID, locked_until: { $lte: now } },
        { $set: { holder, locked_until: now + LOCK_MS } },
      );
      if (taken) return new SchemaLock(notes, holder);
      await wait(TRY_AGAIN_MS, undefined, { signal });
    }
  }

  /** Aborted when another has the lock: this process was away for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws Error when the lock was lost: then the version is another's business */
  async note(version: number): Promise<void> {
    const noted = await this.#notes.updateOne({ _id: ID, holder: this.#holder }, { $set: { version } });
    if (!noted) this.#lost.abort(new Error("another process has taken over the change of the schema"));
    this.#lost.signal.throwIfAborted();
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    await this.#notes.updateOne({ _id: ID, holder: this.#holder }, { $set: { holder: "", locked_until: 0 } });
  }

  async #extend(): Promise<void> {
    const until = Date.now() + LOCK_MS;
    const mine = { _id: ID, holder: this.#holder };
    // An outage of the database is waited through; the lock's end is what counts then.
    const kept = await this.#notes.updateOne(mine, { $set: { locked_until: until } }).catch(() => true);
    if (!kept) this.#lost.abort(new Error("another process has taken over the change of the schema"));
  }
}

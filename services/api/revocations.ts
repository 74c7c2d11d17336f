/**
 * The sessions that were revoked within the longest access token's lifetime: what lets a gateway check a token by
 * itself and still have it refused within a second.
 *
 * A broadcast event tells at once. Events can be lost, so twice a second one read also asks for what was revoked lately,
 * going back further than a write can take and clocks can differ. The first read asks for everything.
 */
import type { SessionId } from "../../lib/ids.ts";

export interface RevokedPage {
  session_ids: SessionId[];
  next: string | null;
}

export type ListRevoked = (params: { since_unix_ms: number; after?: string }) => Promise<RevokedPage>;

interface ReadHooks {
  /** Whether there is somebody to ask. */
  ready(): boolean;
  onRead(): void;
  onFailure(error: unknown): void;
}

export type OnRevoked = (sessions: SessionId[]) => void;

const LONGEST_TOKEN_MS = 24 * 60 * 60 * 1000;
const READ_EVERY_MS = 500;
/** Nobody is served before the first read. */
const FIRST_READ_EVERY_MS = 50;
/** More than a write's deadline and the clocks' difference. */
const OVERLAP_MS = 60_000;
/** After that long without a read, who is revoked is not known any more. */
const STALE_AFTER_MS = 5_000;

export class Revocations {
  readonly #list: ListRevoked;
  /** When each was heard of. Insertion order is the order of these times. */
  readonly #heardAt = new Map<SessionId, number>();
  readonly #listeners = new Set<OnRevoked>();
  /** Of the last whole read that came through; 0 before the first. By the wall clock and by the steady one. */
  #readAt = 0;
  #readAtSteady = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #wake = () => {};

  constructor(list: ListRevoked) {
    this.#list = list;
  }

  has(session: SessionId): boolean {
    return this.#heardAt.has(session);
  }

  /** Whether `has` can be believed. */
  get fresh(): boolean {
    return performance.now() - this.#readAtSteady < STALE_AFTER_MS;
  }

  /** Calls back with sessions that were not known as revoked before. */
  onRevoked(listener: OnRevoked): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  add(sessions: SessionId[]): void {
    const fresh = sessions.filter((session) => !this.#heardAt.has(session));
    if (fresh.length === 0) return;
    for (const session of fresh) this.#heardAt.set(session, Date.now());
    for (const listener of this.#listeners) listener(fresh);
  }

  /** Reads until `stop`. */
  async run({ ready, onRead, onFailure }: ReadHooks): Promise<void> {
    while (!this.#stopped) {
      if (ready()) await this.#read().then(onRead, onFailure);
      await this.#pause(this.#readAt === 0 ? FIRST_READ_EVERY_MS : READ_EVERY_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  #pause(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What came to be revoked while this reads is found by the next read: so it counts from its beginning. */
  async #read(): Promise<void> {
    const startedAt = Date.now();
    const startedAtSteady = performance.now();
    const since_unix_ms = (this.#readAt || startedAt - LONGEST_TOKEN_MS) - OVERLAP_MS;
    let after: string | undefined;
    do {
      const page = await this.#list({ since_unix_ms, ...(after === undefined ? {} : { after }) });
      this.add(page.session_ids);
      after = page.next ?? undefined;
    } while (after !== undefined && !this.#stopped);
    this.#readAt = startedAt;
    this.#readAtSteady = startedAtSteady;
    this.#prune(startedAt - LONGEST_TOKEN_MS - OVERLAP_MS);
  }

  #prune(before: number): void {
    for (const [session, heardAt] of this.#heardAt) {
      if (heardAt >= before) return;
      this.#heardAt.delete(session);
    }
  }
}

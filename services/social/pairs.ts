/**
 * Changes of pairs. The pair's document is the truth, and each change one compare-and-set on its version. From it follow two
 * edges, one for each side, which lists read, and the counts of both users. In this order:
 *
 *   1. the pair moves to version v, and says that it is not settled;
 *   2. the epochs of both counts are read;
 *   3. both edges move to v, unless they are further. What they say follows from the pair at v, so who does it does not matter;
 *   4. who has moved an edge adds the difference to its owner's counts, in the epoch of step 2 (see counts.ts);
 *   5. compare-and-set on v: the pair is settled.
 *
 * A crash in between leaves a pair that is not settled. Then edges may be behind: whoever changes the pair next, or the sweep,
 * does steps 2 to 5. And counts may be: an edge has moved, and nobody knows whether its difference was added. So whoever does
 * these steps for a pair that was not settled before, or finds an edge moved by another, marks both counts as suspect before
 * step 5. A pair is settled, therefore, only when its edges say what it says, and their differences were added or the counts are
 * suspect; and a pair that is settled at v gave every edge that moved to v or below to one of these two.
 *
 * Within a process, changes of one pair that come while another is under way go out together as the next: thousands at once
 * cost a few writes, and each gets the answer that it would have got alone, one after the other.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { unavailable } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey } from "../../mixins/collection/collection.ts";
import type { Counts } from "./counts.ts";
import type { Edges } from "./edges.ts";
import { hasEdges, look, NOTHING, type PairState, pairId, type Step, usersOf } from "./pair.ts";
import { type PairDocument, replacing } from "./social.store.ts";

const ATTEMPTS = 60;
const MAX_PAUSE_MS = 40;

interface Waiting {
  me: UserId;
  step: Step<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** What became of one who waits. */
type Outcome = { answer: unknown } | { error: unknown };

export class Pairs {
  readonly #pairs: Collection<PairDocument>;
  readonly #edges: Edges;
  readonly #counts: Counts;
  readonly #pauseMs: number;
  /** Of each pair that is being changed, who comes next. */
  readonly #queues = new Map<string, Waiting[]>();

  /** @param pauseMs how long a declined request is remembered */
  constructor(pairs: Collection<PairDocument>, edges: Edges, counts: Counts, pauseMs: number) {
    this.#pairs = pairs;
    this.#edges = edges;
    this.#counts = counts;
    this.#pauseMs = pauseMs;
  }

  /** Answers when lists and counts show the change. @throws what the step throws; UNAVAILABLE */
  change<R>(me: UserId, other: UserId, step: Step<R>): Promise<R> {
    const id = pairId(me, other);
    return new Promise<R>((resolve, reject) => {
      // What comes out is what this step answered.
      const waiting: Waiting = { me, step, resolve: resolve as (answer: unknown) => void, reject };
      const queue = this.#queues.get(id);
      if (queue) queue.push(waiting);
      else {
        this.#queues.set(id, [waiting]);
        void this.#work(id);
      }
    });
  }

  /** Does what a crash left undone. */
  async settle(id: string): Promise<void> {
    const [low, high] = usersOf(id);
    await this.change(low, high, look);
  }

  async #work(id: string): Promise<void> {
    for (;;) {
      const batch = this.#queues.get(id)?.splice(0) ?? [];
      if (batch.length === 0) {
        this.#queues.delete(id);
        return;
      }
      try {
        const outcomes = await this.#commit(id, batch);
        for (const [i, { resolve, reject }] of batch.entries()) {
          const outcome = outcomes[i] ?? { error: unavailable() };
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.answer);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async #commit(id: string, batch: Waiting[]): Promise<Outcome[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const base = await this.#pairs.findById(id);
      const before = base ?? { ...NOTHING, version: Date.now() };
      const { state, version, outcomes } = run(batch, id, before);
      const settled = base?.unsettled_since === undefined;
      if (version === before.version) {
        if (base && !settled) await this.#settle(base, false);
        return outcomes;
      }
      const changed = await this.#write(id, base, state, version);
      if (changed) {
        await this.#settle(changed, settled);
        return outcomes;
      }
      // Another process was faster.
      await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 2 * attempt));
    }
    throw unavailable();
  }

  /** @returns undefined where another process changed the pair meanwhile */
  async #write(
    id: string,
    base: PairDocument | null,
    { request, friends_since, low, high }: PairState,
    version: number,
  ): Promise<PairDocument | undefined> {
    const now = Date.now();
    const state = { request, friends_since, low, high };
    const content = {
      ...state,
      version,
      unsettled_since: base?.unsettled_since ?? now,
      idle_after: hasEdges(state) ? undefined : this.#idleAfter(state, now),
    };
    if (base) {
      const filter = { _id: id, version: base.version };
      return (await this.#pairs.findOneAndUpdate(filter, replacing<PairDocument>(content))) ?? undefined;
    }
    try {
      return await this.#pairs.insert({ _id: id, user_ids: usersOf(id), ...content } as PairDocument);
    } catch (error) {
      if (error instanceof DuplicateKey) return undefined;
      throw error;
    }
  }

  /** While a declined request keeps its sender from asking again, the pair has something to say. */
  #idleAfter({ low, high }: PairState, now: number): number {
    const declined = [low, high].map(({ declined_at }) => (declined_at ?? -this.#pauseMs) + this.#pauseMs);
    return Math.max(now, ...declined);
  }

  /** @param alone whether all that came before this version is known to be counted */
  async #settle(pair: PairDocument, alone: boolean): Promise<void> {
    const [low, high] = pair.user_ids;
    const epochs = await this.#counts.epochsOf(pair.user_ids);
    const sides = [
      [low, high],
      [high, low],
    ] as const;
    const deltas = await Promise.all(
      sides.map(async ([owner, peer]) => {
        const delta = await this.#edges.bring(pair, owner, peer);
        if (delta) await this.#counts.add(owner, epochs.get(owner) ?? "", delta);
        return delta;
      }),
    );
    if (!alone || deltas.includes(undefined)) await this.#suspectBoth(pair);
    const { _id, version } = pair;
    if (await this.#pairs.updateOne({ _id, version }, { $unset: { unsettled_since: true } })) return;
    // The next version is settled by who made it. But of a pair that is gone nothing may stay.
    if (await this.#pairs.findById(_id)) return;
    await Promise.all(sides.map(([owner, peer]) => this.#edges.discard(version, owner, peer)));
    await this.#suspectBoth(pair);
  }

  #suspectBoth({ user_ids }: PairDocument): Promise<unknown> {
    return Promise.all(user_ids.map((user) => this.#counts.suspect(user)));
  }
}

/** Every step on what the ones before it made, as if they had come one after the other. */
function run(batch: Waiting[], id: string, before: PairState & { version: number }) {
  const [low, high] = usersOf(id);
  let state: PairState = before;
  let { version } = before;
  const outcomes = batch.map(({ me, step }): Outcome => {
    try {
      const other = me === low ? high : low;
      const { next, answer } = step({ state, me, other, version: version + 1, now: Date.now() });
      if (next) {
        state = next;
        version += 1;
      }
      return { answer };
    } catch (error) {
      return { error };
    }
  });
  return { state, version, outcomes };
}

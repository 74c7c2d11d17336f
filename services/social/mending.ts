/** What is done behind the requests: mending what crashes left, taking away what says nothing any more, deletions of accounts. */
import { each } from "../../lib/each.ts";
import type { UserId } from "../../lib/ids.ts";
import type { Collections } from "../../mixins/collection/collection.ts";
import type { Counts } from "./counts.ts";
import type { Edges } from "./edges.ts";
import { clear, usersOf } from "./pair.ts";
import type { Pairs } from "./pairs.ts";
import type { PairDocument, socialCollections } from "./social.store.ts";

const PORTION = 200;
/** Changes at the same time. */
const WIDTH = 16;

export class Mending {
  readonly #collections: Collections<typeof socialCollections>;
  readonly #pairs: Pairs;
  readonly #edges: Edges;
  readonly #counts: Counts;

  constructor(
    collections: Collections<typeof socialCollections>,
    pairs: Pairs,
    edges: Edges,
    counts: Counts,
  ) {
    this.#collections = collections;
    this.#pairs = pairs;
    this.#edges = edges;
    this.#counts = counts;
  }

  /** Settles pairs that a crash left, counts anew where that is needed, and takes away what says nothing any more. */
  async sweep(staleMs: number, signal?: AbortSignal): Promise<void> {
    const steps = [
      () => this.settleLeft(staleMs, signal),
      () => this.#counts.sweep(signal),
      () => this.purgeIdle(staleMs, signal),
    ];
    await each(steps, (step) => step(), { signal });
  }

  /** @param staleMs after which time a change was probably left by a crash; one that is still under way is not harmed */
  async settleLeft(staleMs: number, signal?: AbortSignal): Promise<void> {
    const unsettled = await this.#collections.pairs.find(
      { unsettled_since: { $lte: Date.now() - staleMs } },
      { sort: { unsettled_since: 1 }, limit: PORTION },
    );
    await each(unsettled, ({ _id }) => this.#pairs.settle(_id), { width: WIDTH, signal });
  }

  /** @param staleMs after which time no change is still under way: an older version would find no newer one */
  async purgeIdle(staleMs: number, signal?: AbortSignal): Promise<void> {
    const idle = await this.#collections.pairs.find(
      { idle_after: { $lte: Date.now() - staleMs } },
      { sort: { idle_after: 1 }, limit: PORTION },
    );
    const settled = idle.filter(({ unsettled_since }) => unsettled_since === undefined);
    await each(settled, (pair) => this.#purge(pair), { width: WIDTH, signal });
  }

  /**
   * Of a deleted account. Can be repeated. First the pairs stay, empty: a change that comes late finds a higher version, and
   * brings nothing back. When no such change can be under way any more, they go.
   */
  async forgetUser(user: UserId, round: number): Promise<void> {
    const forget = async ({ _id }: PairDocument) => {
      const [low, high] = usersOf(_id);
      await this.#pairs.change(low, high, clear);
      if (round === 1) return;
      const empty = await this.#collections.pairs.findById(_id);
      if (empty?.idle_after !== undefined) await this.#purge(empty);
    };
    await each(this.#pairsOf(user), forget, { width: WIDTH });
    if (round > 1) await this.#counts.remove(user);
  }

  async *#pairsOf(user: UserId): AsyncGenerator<PairDocument> {
    let after = "";
    for (;;) {
      const portion = await this.#collections.pairs.find(
        { user_ids: user, _id: { $gt: after } },
        { sort: { _id: 1 }, limit: PORTION },
      );
      yield* portion;
      after = portion.at(-1)?._id ?? "";
      if (portion.length < PORTION) return;
    }
  }

  /** The edges first: what a crash leaves then is found again by the pair. */
  async #purge({ _id, version }: PairDocument): Promise<void> {
    const [low, high] = usersOf(_id);
    await this.#edges.discard(version, low, high);
    await this.#edges.discard(version, high, low);
    await this.#collections.pairs.deleteOne({ _id, version });
  }
}

/**
 * How many friends, followers and followed a user has. Whoever moves an edge adds to the counts of its owner; who can't know
 * whether somebody did marks them as suspect, and the sweep counts the edges anew.
 *
 * A recount meets changes that are half done: the edge has moved, the addition is still to come. So counts have an epoch, which
 * one reads before moving an edge. A recount begins another epoch, and an addition of an earlier one is refused: its edge may
 * have been counted or not. Who is refused marks the counts as suspect once more. And a recount is kept only if nothing was
 * written since it began. So whatever the order, counts are right, or suspect.
 */
import { randomUUID } from "node:crypto";
import { each } from "../../lib/each.ts";
import type { UserId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey } from "../../mixins/collection/collection.ts";
import { countsOf, type Delta } from "./edges.ts";
import { type CountsDocument, type EdgeDocument, edgePrefix } from "./social.store.ts";

const PORTION = 1_000;
const RECOUNTS = 100;

export class Counts {
  readonly #counts: Collection<CountsDocument>;
  readonly #edges: Collection<EdgeDocument>;

  constructor(counts: Collection<CountsDocument>, edges: Collection<EdgeDocument>) {
    this.#counts = counts;
    this.#edges = edges;
  }

  async of(user: UserId): Promise<Delta> {
    return (await this.#counts.findById(user)) ?? { friends: 0, followers: 0, following: 0 };
  }

  /** To be read before edges of these users are moved. Makes what is missing. */
  async epochsOf(users: UserId[]): Promise<Map<UserId, string>> {
    const found = await this.#counts.findByIds(users);
    const epochs = new Map(found.map(({ _id, epoch }) => [_id, epoch]));
    for (const user of users) if (!epochs.has(user)) epochs.set(user, await this.#create(user));
    return epochs;
  }

  /** @param epoch as it was before the edge was moved */
  async add(user: UserId, epoch: string, delta: Delta): Promise<void> {
    if (Object.values(delta).every((amount) => amount === 0)) return;
    const added = await this.#counts.updateOne({ _id: user, epoch }, { $inc: { ...delta, revision: 1 } });
    if (!added) await this.suspect(user);
  }

  /** The next sweep counts anew. */
  async suspect(user: UserId): Promise<void> {
    const mark = { $set: { suspect_since: Date.now() }, $inc: { revision: 1 } };
    while (!(await this.#counts.updateOne({ _id: user }, mark))) await this.#create(user);
  }

  /** Counts anew where that is needed. What is written to meanwhile stays suspect until the next time. */
  async sweep(signal?: AbortSignal): Promise<void> {
    const suspects = await this.#counts.find(
      { suspect_since: { $lte: Date.now() } },
      { sort: { suspect_since: 1 }, limit: RECOUNTS },
    );
    await each(suspects, (counts) => this.#recount(counts), { signal });
  }

  async remove(user: UserId): Promise<void> {
    await this.#counts.deleteOne({ _id: user });
  }

  async #recount({ _id, revision }: CountsDocument): Promise<void> {
    const total: Delta = { friends: 0, followers: 0, following: 0 };
    let after: string | undefined;
    let any = false;
    for (;;) {
      const portion = await this.#edges.page({
        prefix: edgePrefix(_id),
        ...(after === undefined ? {} : { after }),
        limit: PORTION,
      });
      any ||= portion.length > 0;
      for (const edge of portion) {
        const { friends, followers, following } = countsOf(edge);
        total.friends += friends;
        total.followers += followers;
        total.following += following;
      }
      after = portion.at(-1)?._id;
      if (portion.length < PORTION) break;
    }
    // Of a deleted account, perhaps: nothing of it should stay.
    if (!any) await this.#counts.deleteOne({ _id, revision });
    else {
      const counted = { ...total, epoch: randomUUID() };
      await this.#counts.updateOne(
        { _id, revision },
        { $set: counted, $inc: { revision: 1 }, $unset: { suspect_since: true } },
      );
    }
  }

  async #create(user: UserId): Promise<string> {
    const epoch = randomUUID();
    const none = { friends: 0, followers: 0, following: 0 };
    try {
      await this.#counts.insert({ _id: user, ...none, epoch, revision: 0 });
      return epoch;
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      // If it has gone again by now, an addition to no epoch is refused.
      return (await this.#counts.findById(user))?.epoch ?? "";
    }
  }
}

/** The edges of pairs: what lists read. Each moves only to a higher version of its pair. */
import type { UserId } from "../../lib/ids.ts";
import { type Collection, DuplicateKey, type Filter } from "../../mixins/collection/collection.ts";
import type { PairState } from "./pair.ts";
import { type EdgeDocument, edgeContent, edgeId, replacing } from "./social.store.ts";

/** By how much the counts of an edge's owner change. */
export interface Delta {
  friends: number;
  followers: number;
  following: number;
}

/** What an edge adds to the counts of its owner. */
export const countsOf = ({ tie_key, follower_key, following_key }: Partial<EdgeDocument>): Delta => ({
  // An id is of digits, so this is of the list's name.
  friends: tie_key?.includes(".friend.") ? 1 : 0,
  followers: follower_key === undefined ? 0 : 1,
  following: following_key === undefined ? 0 : 1,
});

export class Edges {
  readonly #edges: Collection<EdgeDocument>;

  constructor(edges: Collection<EdgeDocument>) {
    this.#edges = edges;
  }

  /**
   * Makes one side's edge what it is at this version of the pair.
   * @returns how this moves the owner's counts; undefined where the edge was there already, or further
   */
  async bring(
    pair: PairState & { version: number },
    owner: UserId,
    peer: UserId,
  ): Promise<Delta | undefined> {
    const _id = edgeId(owner, peer);
    const content = { version: pair.version, ...edgeContent(pair, owner, peer) };
    for (;;) {
      const edge = await this.#edges.findById(_id);
      if (edge && edge.version >= pair.version) return undefined;
      if (await this.#move(edge, { _id, ...content })) return difference(edge ?? {}, content);
    }
  }

  /** Of a pair that is gone: what is of this version or older. */
  async discard(version: number, owner: UserId, peer: UserId): Promise<void> {
    const old: Filter<EdgeDocument> = { _id: edgeId(owner, peer), version: { $lte: version } };
    await this.#edges.deleteOne(old);
  }

  /** @returns false where another was faster */
  async #move(from: EdgeDocument | null, to: EdgeDocument): Promise<boolean> {
    const { _id, ...content } = to;
    if (from) return this.#edges.updateOne({ _id, version: from.version }, replacing(content));
    try {
      await this.#edges.insert(to);
      return true;
    } catch (error) {
      if (error instanceof DuplicateKey) return false;
      throw error;
    }
  }
}

function difference(before: Partial<EdgeDocument>, after: Partial<EdgeDocument>): Delta {
  const [old, now] = [countsOf(before), countsOf(after)];
  return {
    friends: now.friends - old.friends,
    followers: now.followers - old.followers,
    following: now.following - old.following,
  };
}

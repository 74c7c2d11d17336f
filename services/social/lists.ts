/** The lists of what a user has with others. Each page is one range of one index, however long the list. */
import { decodeCursor, toPage, visiblePage } from "../../lib/cursors.ts";
import type { UserId } from "../../lib/ids.ts";
import { type Collection, pageAtOffset } from "../../mixins/collection/collection.ts";
import { pairId, side } from "./pair.ts";
import {
  type EdgeDocument,
  LISTS,
  type ListName,
  listPrefix,
  type PairDocument,
  peerOf,
} from "./social.store.ts";

interface PageParams {
  limit: number;
  cursor?: string | undefined;
}

interface OffsetParams {
  offset: number;
  limit: number;
  order: "asc" | "desc";
}

export class Lists {
  readonly #edges: Collection<EdgeDocument>;
  readonly #pairs: Collection<PairDocument>;

  constructor(edges: Collection<EdgeDocument>, pairs: Collection<PairDocument>) {
    this.#edges = edges;
    this.#pairs = pairs;
  }

  /** Newest first. @throws INVALID_ARGUMENT for a cursor that is none of this list */
  async page(owner: UserId, list: ListName, { limit, cursor }: PageParams) {
    const name = nameOf(list, owner);
    const after = cursor === undefined ? {} : { after: decodeCursor(name, cursor) };
    const rows = await this.#read(owner, list, { ...after, limit: limit + 1 });
    const { items, next_cursor } = toPage(name, rows, limit, keyOf(list));
    return { edges: items, user_ids: items.map(peerOf), next_cursor };
  }

  /** The same, without those who blocked the one who asks. */
  async pageFor(viewer: UserId, owner: UserId, list: ListName, wanted: PageParams) {
    const { items, next_cursor } = await visiblePage<EdgeDocument>({
      ...{ list: nameOf(list, owner), ...wanted, keyOf: keyOf(list) },
      read: (range) => this.#read(owner, list, range),
      visible: async (edges) => {
        const { hidden_ids } = await this.blockedAmong(viewer, edges.map(peerOf));
        return edges.filter((edge) => !hidden_ids.includes(peerOf(edge)));
      },
    });
    return { user_ids: items.map(peerOf), next_cursor };
  }

  /** The users of a page that begins behind `offset` others. Reads those too. */
  async pageAt(owner: UserId, list: ListName, { order, ...page }: OffsetParams): Promise<UserId[]> {
    const query = { index: LISTS[list], prefix: listPrefix(owner, list), order };
    return (await pageAtOffset(this.#edges, query, page)).map(peerOf);
  }

  /** One read, which goes to the truth and not to what is derived. */
  async isBlockedBetween(a: UserId, b: UserId): Promise<boolean> {
    const pair = await this.#pairs.findById(pairId(a, b));
    return pair?.low.blocks_since !== undefined || pair?.high.blocks_since !== undefined;
  }

  /**
   * One read, as above.
   * @param others at most 1000
   * @returns who of them blocked the user, and whom the user blocked
   */
  async blockedAmong(user: UserId, others: UserId[]) {
    const peers = [...new Set(others)].filter((other) => other !== user);
    const pairs =
      peers.length === 0 ? [] : await this.#pairs.findByIds(peers.map((peer) => pairId(user, peer)));
    const known = new Map(pairs.map((pair) => [pair._id, pair]));
    const blocking = (by: "user" | "peer") =>
      peers.filter((peer) => {
        const pair = known.get(pairId(user, peer));
        const blocker = pair && (by === "user" ? side(pair, user, peer) : side(pair, peer, user));
        return blocker?.blocks_since !== undefined;
      });
    return { hidden_ids: blocking("peer"), blocked_ids: blocking("user") };
  }

  #read(owner: UserId, list: ListName, range: { after?: string; limit: number }): Promise<EdgeDocument[]> {
    return this.#edges.page({ index: LISTS[list], prefix: listPrefix(owner, list), order: "desc", ...range });
  }
}

const nameOf = (list: ListName, owner: UserId) => `${list} ${owner}`;
const keyOf = (list: ListName) => (edge: EdgeDocument) => edge[LISTS[list]] ?? "";

/** The collections of pairs, which are the truth, and of what is derived from them: edges, which lists read, and counts. */
import type { UserId } from "../../lib/ids.ts";
import { defineCollection, type Update } from "../../mixins/collection/collection.ts";
import { isPending, type PairState, type RequestState, side, usersOf } from "./pair.ts";

export interface PairDocument extends PairState {
  /** Both users, the lower id first: `<id>.<id>`. */
  _id: string;
  user_ids: [UserId, UserId];
  /** One more with each change. Begins with the time, so that a pair which went and came back goes on above. */
  version: number;
  /** Since when the edges and counts of this version may be behind; absent when they are not. */
  unsettled_since?: number;
  /** Of a pair that shows in no list: from when on it says nothing any more, and may go. */
  idle_after?: number;
}

/** A pair as one of the two sees it. With no key it is a tombstone, which keeps older versions from coming back. */
export interface EdgeDocument {
  /** `<owner>.<peer>` */
  _id: string;
  /** Of the pair. */
  version: number;
  /** `<owner>.<friend, incoming or outgoing>.<since>.<peer>`, and so on: whose list, which one, in its order. */
  tie_key?: string;
  following_key?: string;
  follower_key?: string;
  block_key?: string;
  /** While it is pending. */
  request?: RequestState;
}

export interface CountsDocument {
  _id: UserId;
  friends: number;
  followers: number;
  following: number;
  /** Another one after each recount. What was to be added to the counts of an earlier epoch is lost in the recount. */
  epoch: string;
  /** One more with each write. */
  revision: number;
  /** Since when the counts may be wrong; absent when they are right. */
  suspect_since?: number;
}

export const socialCollections = {
  pairs: defineCollection<PairDocument>({
    name: "social_pairs",
    indexes: [{ fields: ["user_ids", "_id"] }, { fields: ["unsettled_since"] }, { fields: ["idle_after"] }],
  }),
  edges: defineCollection<EdgeDocument>({
    name: "social_edges",
    indexes: [
      { fields: ["tie_key"] },
      { fields: ["following_key"] },
      { fields: ["follower_key"] },
      { fields: ["block_key"] },
    ],
  }),
  counts: defineCollection<CountsDocument>({
    name: "social_counts",
    indexes: [{ fields: ["suspect_since"] }],
  }),
};

/** Every list, and the field that its pages are read by. */
export const LISTS = {
  friend: "tie_key",
  incoming: "tie_key",
  outgoing: "tie_key",
  following: "following_key",
  follower: "follower_key",
  block: "block_key",
} as const;

export type ListName = keyof typeof LISTS;

const TIME_DIGITS = 15;

export const listPrefix = (owner: UserId, list: ListName): string => `${owner}.${list}.`;
export const edgeId = (owner: UserId, peer: UserId): string => `${owner}.${peer}`;
export const edgePrefix = (owner: UserId): string => `${owner}.`;
export const peerOf = (edge: EdgeDocument): UserId => usersOf(edge._id)[1];

type EdgeContent = Omit<EdgeDocument, "_id" | "version">;

/** What the edge of one side says. A function of the pair's version alone, so that all who derive it make the same. */
export function edgeContent(pair: PairState, owner: UserId, peer: UserId): EdgeContent {
  const key = (list: ListName, since: number | undefined) =>
    since === undefined
      ? undefined
      : `${listPrefix(owner, list)}${String(since).padStart(TIME_DIGITS, "0")}.${peer}`;
  const request = isPending(pair) ? pair.request : undefined;
  return {
    tie_key:
      key("friend", pair.friends_since) ??
      key(request?.from === owner ? "outgoing" : "incoming", request?.created_at),
    following_key: key("following", side(pair, owner, peer).follows_since),
    follower_key: key("follower", side(pair, peer, owner).follows_since),
    block_key: key("block", side(pair, owner, peer).blocks_since),
    request,
  };
}

/** Sets what is there, and takes away what is undefined. */
export function replacing<D extends object>(content: Partial<D>): Update<D> {
  const absent = Object.entries(content).flatMap(([field, value]) => (value === undefined ? [field] : []));
  const $unset = Object.fromEntries(absent.map((field) => [field, true]));
  // All fields are the document's own, which the types of a mapped one can't tell.
  return { $set: content, $unset } as unknown as Update<D>;
}

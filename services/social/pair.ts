/**
 * What is between two users, and how it may change: the rules, as plain functions. Each takes how things stand and answers how
 * they stand afterwards, or throws what the caller is told.
 *
 * A friendship: none → pending → friends. A pending request ends by being accepted, declined or canceled; one that crosses
 * another accepts it. Follows and blocks go one way each. A block cuts all else, and nothing new begins across it.
 */
import type { z } from "zod";
import { alreadyExists, notFound, permissionDenied, resourceExhausted } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import type { FriendRequest } from "./social.contract.ts";

export type ShownRequest = z.output<typeof FriendRequest>;

/** The last one between the two, until the friendship it led to ends, or somebody blocks. */
export interface RequestState {
  id: string;
  from: UserId;
  status: ShownRequest["status"];
  created_at: number;
}

/** Times are milliseconds since 1970. */
export interface Side {
  follows_since?: number;
  blocks_since?: number;
  /** When this user's last request was declined. */
  declined_at?: number;
}

export interface PairState {
  request?: RequestState;
  friends_since?: number;
  /** What the user with the lower id does to the other one. */
  low: Side;
  /** And the other way round. */
  high: Side;
}

/** How things stand for one who wants a change. */
export interface Standing {
  state: PairState;
  me: UserId;
  other: UserId;
  /** That the pair will have after the change. */
  version: number;
  now: number;
}

/** @property next absent where nothing changes */
export interface Change<R> {
  next?: PairState;
  answer: R;
}

export type Step<R> = (at: Standing) => Change<R>;

export const NOTHING: PairState = { low: {}, high: {} };

/** The lower id first. */
export const pairId = (a: UserId, b: UserId): string => (a < b ? `${a}.${b}` : `${b}.${a}`);

/** Both users of a pair, or of the pair that a request's id names. */
export const usersOf = (id: string): [UserId, UserId] => {
  const [low = "", high = ""] = id.split(".");
  return [low as UserId, high as UserId];
};

const sideOf = (user: UserId, other: UserId) => (user < other ? "low" : "high");

/** What a user does to another. */
export const side = (state: PairState, user: UserId, other: UserId): Side => state[sideOf(user, other)];

export const isPending = (state: PairState): boolean => state.request?.status === "PENDING";

/** Whether there is anything that a list shows. */
export const hasEdges = (state: PairState): boolean =>
  state.friends_since !== undefined ||
  isPending(state) ||
  [state.low, state.high].some(
    ({ follows_since, blocks_since }) => follows_since !== undefined || blocks_since !== undefined,
  );

/**
 * @param pauseMs how long one who was declined waits before asking again
 * @throws NOT_FOUND, PERMISSION_DENIED across a block; ALREADY_EXISTS; RESOURCE_EXHAUSTED
 */
export const sendRequest =
  (pauseMs: number): Step<ShownRequest> =>
  (at) => {
    const { state, me, other, version, now } = at;
    refuseBlocked(at);
    if (state.friends_since !== undefined) throw alreadyExists("You are friends already.");
    const { request } = state;
    if (request?.status === "PENDING") {
      if (request.from !== me) return befriend(at, request);
      throw alreadyExists("You have asked already.", { friend_request_id: request.id });
    }
    const { declined_at } = side(state, me, other);
    if (declined_at !== undefined && now < declined_at + pauseMs) {
      throw resourceExhausted(
        "Your request was declined. You can ask again later.",
        (declined_at + pauseMs - now) / 1_000,
      );
    }
    const made: RequestState = {
      id: `${pairId(me, other)}.${version}`,
      from: me,
      status: "PENDING",
      created_at: now,
    };
    return { next: { ...state, request: made }, answer: shownRequest(made, pairId(me, other)) };
  };

/** Can be repeated. @throws NOT_FOUND for a request that is not pending any more, PERMISSION_DENIED for its sender */
export const accept =
  (id: string): Step<ShownRequest> =>
  (at) => {
    const request = requestOf(at, id, "ACCEPTED");
    if (request.from === at.me) throw permissionDenied("Only the one who was asked may accept a request.");
    return request.status === "ACCEPTED" ? { answer: shown(at, request) } : befriend(at, request);
  };

/** As `accept`. */
export const decline =
  (id: string): Step<ShownRequest> =>
  (at) => {
    const request = requestOf(at, id, "DECLINED");
    if (request.from === at.me) throw permissionDenied("Only the one who was asked may decline a request.");
    if (request.status === "DECLINED") return { answer: shown(at, request) };
    const declined = { ...request, status: "DECLINED" as const };
    const next = withSide({ ...at.state, request: declined }, at.other, at.me, { declined_at: at.now });
    return { next, answer: shown(at, declined) };
  };

/** Can be repeated. @throws NOT_FOUND for a request that is not pending any more, PERMISSION_DENIED for its addressee */
export const cancel =
  (id: string): Step<ShownRequest> =>
  (at) => {
    const request = requestOf(at, id, "CANCELED");
    if (request.from !== at.me) throw permissionDenied("Only the one who asked may cancel a request.");
    if (request.status === "CANCELED") return { answer: shown(at, request) };
    const canceled = { ...request, status: "CANCELED" as const };
    return { next: { ...at.state, request: canceled }, answer: shown(at, canceled) };
  };

/** @throws NOT_FOUND where there is no friendship */
export const removeFriend: Step<null> = ({ state }) => {
  if (state.friends_since === undefined) throw notFound("You are not friends.");
  const { friends_since: _since, request: _request, ...rest } = state;
  return { next: rest, answer: null };
};

/** @throws NOT_FOUND, PERMISSION_DENIED across a block */
export const follow: Step<{ changed: boolean }> = (at) => {
  refuseBlocked(at);
  return toggle(at, "follows_since", at.now);
};

export const unfollow: Step<{ changed: boolean }> = (at) => toggle(at, "follows_since", undefined);

export const block: Step<{ changed: boolean }> = (at) => {
  const { state, me, other, now } = at;
  if (side(state, me, other).blocks_since !== undefined) return { answer: { changed: false } };
  const { low, high } = state;
  const cut = { low: withoutFollow(low), high: withoutFollow(high) };
  return { next: withSide(cut, me, other, { blocks_since: now }), answer: { changed: true } };
};

export const unblock: Step<{ changed: boolean }> = (at) => toggle(at, "blocks_since", undefined);

/** For the import: makes two friends without a word of theirs. @throws NOT_FOUND, PERMISSION_DENIED across a block */
export const makeFriends: Step<{ changed: boolean }> = (at) => {
  const { state, me, other, version, now } = at;
  if (state.friends_since !== undefined) return { answer: { changed: false } };
  refuseBlocked(at);
  const asked: RequestState = {
    id: `${pairId(me, other)}.${version}`,
    from: me,
    status: "PENDING",
    created_at: now,
  };
  const { next } = befriend(at, state.request?.status === "PENDING" ? state.request : asked);
  return { next, answer: { changed: true } };
};

/** Of one whose account goes. */
export const clear: Step<null> = ({ state: { request, friends_since, low, high } }) => {
  const all = [request, friends_since, ...Object.values(low), ...Object.values(high)];
  return all.every((each) => each === undefined) ? { answer: null } : { next: NOTHING, answer: null };
};

/** Changes nothing: what is not settled yet is settled all the same. */
export const look: Step<null> = () => ({ answer: null });

function befriend(at: Standing, request: RequestState): Change<ShownRequest> {
  const { state, me, other, now } = at;
  const accepted = { ...request, status: "ACCEPTED" as const };
  let next: PairState = { ...state, request: accepted, friends_since: now };
  for (const [user, peer] of [
    [me, other],
    [other, me],
  ] as const) {
    next = withSide(next, user, peer, { declined_at: undefined });
  }
  return { next, answer: shown(at, accepted) };
}

/** Who is blocked learns no more than of a user that there is not. */
function refuseBlocked({ state, me, other }: Standing): void {
  if (side(state, other, me).blocks_since !== undefined) throw noSuchUser();
  if (side(state, me, other).blocks_since !== undefined) {
    throw permissionDenied("You have blocked this user. Unblock them first.");
  }
}

export const noSuchUser = () => notFound("There is no such user.");

/** The request if it is pending, or if what is asked has been done to it. */
function requestOf({ state }: Standing, id: string, done: RequestState["status"]): RequestState {
  const { request } = state;
  if (request?.id === id && (request.status === "PENDING" || request.status === done)) return request;
  throw notFound("There is no such request, or not any more.");
}

function toggle(at: Standing, field: "follows_since" | "blocks_since", since: number | undefined) {
  const { state, me, other } = at;
  const is = side(state, me, other)[field] !== undefined;
  if (is === (since !== undefined)) return { answer: { changed: false } };
  return { next: withSide(state, me, other, { [field]: since }), answer: { changed: true } };
}

function withSide(state: PairState, user: UserId, other: UserId, changes: Side): PairState {
  const name = sideOf(user, other);
  return { ...state, [name]: { ...state[name], ...changes } };
}

const withoutFollow = ({ follows_since: _since, ...rest }: Side): Side => rest;

const shown = ({ me, other }: Standing, request: RequestState) => shownRequest(request, pairId(me, other));

function shownRequest(request: RequestState, pair: string): ShownRequest {
  const { id, from, status, created_at } = request;
  const [low, high] = usersOf(pair);
  return {
    request_id: id,
    status,
    from_user_id: from,
    to_user_id: from === low ? high : low,
    created_at_unix_ms: created_at,
  };
}

/** What is shown of an edge of a pending request. */
export const requestsOf = ({ _id, request }: { _id: string; request?: RequestState }): ShownRequest[] => {
  const [owner, peer] = usersOf(_id);
  return request ? [shownRequest(request, pairId(owner, peer))] : [];
};

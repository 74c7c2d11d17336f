/** Friend requests, friendships, follows and blocks: what is between two users. */
import type { Context } from "moleculer";
import { z } from "zod";
import { type ActionTypes, call, defineContract } from "../../lib/contract.ts";
import { MAX_LIMIT, offsetParams, pageParams } from "../../lib/cursors.ts";
import { type UserId, UserIdSchema } from "../../lib/ids.ts";
import { ImportedTime, MAX_RECORDS } from "../imports/imports.contract.ts";

/** Each request has one of its own. It names the pair, so that a request is found by one read. */
export const RequestIdSchema = z
  .string()
  .regex(/^[0-9]{16}\.[0-9]{16}\.[0-9]{1,16}$/, "must be the id of a friend request");

export const FriendRequest = z
  .object({
    request_id: z.string(),
    status: z.enum(["PENDING", "ACCEPTED", "DECLINED", "CANCELED"]),
    from_user_id: z.string(),
    to_user_id: z.string(),
    created_at_unix_ms: z.int(),
  })
  .meta({ id: "FriendRequest" });

export const Counts = z
  .object({
    friends_count: z.int().min(0),
    followers_count: z.int().min(0),
    following_count: z.int().min(0),
  })
  .meta({ id: "Counts" });

const other = z.strictObject({ user_id: UserIdSchema });
const request = z.strictObject({ request_id: RequestIdSchema });
const listOf = z.strictObject({ user_id: UserIdSchema, ...pageParams });
const users = z.object({
  user_ids: z.array(z.string()).describe("newest first"),
  next_cursor: z.string().nullable(),
});
/** Asked for what is so already, nothing changes. */
const done = z.object({ changed: z.boolean() });

/** What is between two users of an older system: `from` asks, follows, or is friends with `to`. */
export const ImportedTie = z
  .strictObject({
    tie: z.enum(["friends", "request", "follow"]),
    from: UserIdSchema,
    to: UserIdSchema,
    since: ImportedTime,
  })
  .refine(({ from, to }) => from !== to, "must be between two users");

export const socialContract = defineContract({
  /** Not idempotent: repeated, it is refused as asked already. */
  "v1.social.sendFriendRequest": { audience: "user", params: other, result: FriendRequest },
  "v1.social.listRequests": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      direction: z.enum(["incoming", "outgoing"]).default("incoming"),
      ...pageParams,
    }),
    result: z.object({
      requests: z.array(FriendRequest).describe("that are pending, newest first"),
      next_cursor: z.string().nullable(),
    }),
  },
  "v1.social.acceptFriendRequest": {
    audience: "user",
    idempotent: true,
    params: request,
    result: FriendRequest,
  },
  "v1.social.declineFriendRequest": {
    audience: "user",
    idempotent: true,
    params: request,
    result: FriendRequest,
  },
  "v1.social.cancelFriendRequest": {
    audience: "user",
    idempotent: true,
    params: request,
    result: FriendRequest,
  },
  "v1.social.listFriends": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: z.object({
      friend_user_ids: z.array(z.string()).describe("newest friendship first"),
      next_cursor: z.string().nullable(),
    }),
  },
  /** Not idempotent: repeated, it is refused, for there is no friendship any more. */
  "v1.social.removeFriend": { audience: "user", params: other, result: z.null() },
  "v1.social.follow": { audience: "user", idempotent: true, params: other, result: done },
  "v1.social.unfollow": { audience: "user", idempotent: true, params: other, result: done },
  "v1.social.listFollowers": { audience: "user", idempotent: true, params: listOf, result: users },
  "v1.social.listFollowing": { audience: "user", idempotent: true, params: listOf, result: users },
  "v1.social.getCounts": { audience: "user", idempotent: true, params: other, result: Counts },
  "v1.social.block": { audience: "user", idempotent: true, params: other, result: done },
  "v1.social.unblock": { audience: "user", idempotent: true, params: other, result: done },
  "v1.social.listBlocks": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: users,
  },
  /** As the two lists above, for clients that page by offset. Reads all that it skips: so not far. */
  "v1.social.listFollowsAt": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      user_id: UserIdSchema,
      list: z.enum(["followers", "following"]),
      ...offsetParams,
    }),
    result: z.object({ user_ids: z.array(z.string()) }),
  },
  /** Whether one of the two has blocked the other. One read. */
  "v1.social.isBlockedBetween": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_ids: z.tuple([UserIdSchema, UserIdSchema]) }),
    result: z.object({ blocked: z.boolean() }),
  },
  /** One read, however many. */
  "v1.social.blockedAmong": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, others: z.array(UserIdSchema).max(MAX_LIMIT) }),
    result: z.object({
      hidden_ids: z.array(z.string()).describe("who blocked the user, and so is not shown to them"),
      blocked_ids: z.array(z.string()).describe("whom the user blocked"),
    }),
  },
  /** For the import: in the order of the ties. What is there already, or more than that, stays. */
  "v1.social.importTies": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ ties: z.array(ImportedTie).min(1).max(MAX_RECORDS) }),
    result: z.object({
      outcomes: z.array(
        z.object({ outcome: z.enum(["made", "there", "refused"]), reason: z.string().optional() }),
      ),
    }),
  },
  /** Whom a user follows, newest first. */
  "v1.social.listFollowedIds": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      user_id: UserIdSchema,
      limit: z.int().min(1).max(1_000),
      cursor: pageParams.cursor,
    }),
    result: users,
  },
});

/**
 * For one who asks: which of some users have blocked them, and so are not shown.
 * @param others at most 100 of them are others than the user
 * @throws UNAVAILABLE while nobody can tell
 */
export async function hiddenFrom(
  ctx: Context,
  user: UserId,
  others: readonly string[],
): Promise<ReadonlySet<string>> {
  const strangers = [...new Set(others)].filter((other) => other !== user);
  if (strangers.length === 0) return new Set();
  const { hidden_ids } = await call(ctx, "v1.social.blockedAmong", { user_id: user, others: strangers });
  return new Set(hidden_ids);
}

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof socialContract> {}
}

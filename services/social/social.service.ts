/** What is between users: friend requests, friendships, follows, blocks. */
import type { Context } from "moleculer";
import { call, type Meta } from "../../lib/contract.ts";
import { invalidArgument, permissionDenied } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import { type ActionContext, callerOf, implement } from "../../mixins/actions.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { Counts } from "./counts.ts";
import { Edges } from "./edges.ts";
import { importTies } from "./importing.ts";
import { Lists } from "./lists.ts";
import { Mending } from "./mending.ts";
import * as rules from "./pair.ts";
import { Pairs } from "./pairs.ts";
import { socialContract } from "./social.contract.ts";
import { socialCollections } from "./social.store.ts";

interface SocialService extends WithCollections<typeof socialCollections> {
  pairs: Pairs;
  lists: Lists;
  counts: Counts;
  mending: Mending;
  /** How long one who was declined waits before asking again, in milliseconds. */
  pauseMs: number;
}

export default defineService<SocialService>({
  name: "social",
  version: 1,
  metadata: { needs: ["v1.auth", "v1.users"] },
  mixins: [
    collections(socialCollections),
    sweep<SocialService>({
      name: "lists and counts of friends and followers",
      run({ mending, broker }, signal) {
        return mending.sweep(runtimeOf(broker).config.STALE_AFTER_MS, signal);
      },
    }),
  ],

  actions: implement<typeof socialContract, SocialService>(socialContract, {
    "v1.social.sendFriendRequest"(ctx) {
      return begin(this, ctx, rules.sendRequest(this.pauseMs));
    },
    async "v1.social.listRequests"(ctx) {
      const { direction, ...page } = ctx.params;
      const { edges, next_cursor } = await this.lists.page(callerOf(ctx).id, direction, page);
      return { requests: edges.flatMap(rules.requestsOf), next_cursor };
    },
    "v1.social.acceptFriendRequest"(ctx) {
      return answerRequest(this, ctx, rules.accept);
    },
    "v1.social.declineFriendRequest"(ctx) {
      return answerRequest(this, ctx, rules.decline);
    },
    "v1.social.cancelFriendRequest"(ctx) {
      return answerRequest(this, ctx, rules.cancel);
    },
    async "v1.social.listFriends"(ctx) {
      const { user_ids, next_cursor } = await this.lists.page(callerOf(ctx).id, "friend", ctx.params);
      return { friend_user_ids: user_ids, next_cursor };
    },
    "v1.social.removeFriend"(ctx) {
      return end(this, ctx, rules.removeFriend);
    },
    "v1.social.follow"(ctx) {
      return begin(this, ctx, rules.follow);
    },
    "v1.social.unfollow"(ctx) {
      return end(this, ctx, rules.unfollow);
    },
    "v1.social.listFollowers"(ctx) {
      return listOfAnother(this, ctx, "follower");
    },
    "v1.social.listFollowing"(ctx) {
      return listOfAnother(this, ctx, "following");
    },
    async "v1.social.listFollowsAt"(ctx) {
      const { user_id, list, ...wanted } = ctx.params;
      const name = list === "followers" ? "follower" : "following";
      const [user_ids] = await Promise.all([
        this.lists.pageAt(user_id, name, wanted),
        mustSee(this, ctx, user_id),
      ]);
      return { user_ids: await withoutHidden(this, ctx, user_ids) };
    },
    async "v1.social.getCounts"(ctx) {
      const { user_id } = ctx.params;
      const [counts] = await Promise.all([this.counts.of(user_id), mustSee(this, ctx, user_id)]);
      return {
        // For the moment until a recount they may be off.
        friends_count: Math.max(0, counts.friends),
        followers_count: Math.max(0, counts.followers),
        following_count: Math.max(0, counts.following),
      };
    },
    "v1.social.block"(ctx) {
      return begin(this, ctx, rules.block);
    },
    "v1.social.unblock"(ctx) {
      return end(this, ctx, rules.unblock);
    },
    async "v1.social.listBlocks"(ctx) {
      const { user_ids, next_cursor } = await this.lists.page(callerOf(ctx).id, "block", ctx.params);
      return { user_ids, next_cursor };
    },
    async "v1.social.isBlockedBetween"(ctx) {
      return { blocked: await this.lists.isBlockedBetween(...ctx.params.user_ids) };
    },
    "v1.social.blockedAmong"(ctx) {
      return this.lists.blockedAmong(ctx.params.user_id, ctx.params.others);
    },
    async "v1.social.importTies"(ctx) {
      return { outcomes: await importTies(this.pairs, ctx.params.ties) };
    },
    async "v1.social.listFollowedIds"(ctx) {
      const { user_id, ...page } = ctx.params;
      const { user_ids, next_cursor } = await this.lists.page(user_id, "following", page);
      return { user_ids, next_cursor };
    },
  }),

  channels: consume<SocialService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await this.mending.forgetUser(user_id, round);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "social" });
      },
    },
  }),

  async started() {
    const { pairs, edges, counts } = this.collections;
    this.pauseMs = runtimeOf(this.broker).config.FRIEND_REQUEST_AGAIN_S * 1_000;
    const allEdges = new Edges(edges);
    this.counts = new Counts(counts, edges);
    this.pairs = new Pairs(pairs, allEdges, this.counts, this.pauseMs);
    this.lists = new Lists(edges, pairs);
    this.mending = new Mending(this.collections, this.pairs, allEdges, this.counts);
  },
});

type OfUser = ActionContext<{ user_id: UserId }>;

/** A change that takes nothing but the other's id. @throws INVALID_ARGUMENT with oneself */
async function end<R>(service: SocialService, ctx: OfUser, step: rules.Step<R>): Promise<R> {
  const { id } = callerOf(ctx);
  const { user_id } = ctx.params;
  if (id === user_id) {
    throw invalidArgument("This takes somebody else.", [
      { path: "user_id", message: "must not be yourself" },
    ]);
  }
  return service.pairs.change(id, user_id, step);
}

/** One that makes something. @throws NOT_FOUND too, where there is no such user */
async function begin<R>(service: SocialService, ctx: OfUser, step: rules.Step<R>): Promise<R> {
  const { user_id } = ctx.params;
  if (callerOf(ctx).id !== user_id) await mustExist(ctx, user_id);
  return end(service, ctx, step);
}

/** @throws PERMISSION_DENIED where the caller is neither its sender nor its addressee, whether there is such a request or not */
async function answerRequest(
  { pairs }: SocialService,
  ctx: ActionContext<{ request_id: string }>,
  rule: (id: string) => rules.Step<rules.ShownRequest>,
) {
  const { id } = callerOf(ctx);
  const { request_id } = ctx.params;
  const [low, high] = rules.usersOf(request_id);
  if (id !== low && id !== high) throw permissionDenied("This is a request between others.");
  return pairs.change(id, id === low ? high : low, rule(request_id));
}

async function listOfAnother(
  service: SocialService,
  ctx: ActionContext<{ user_id: UserId; limit: number; cursor?: string | undefined }>,
  list: "follower" | "following",
) {
  const { user_id, ...page } = ctx.params;
  const [shown] = await Promise.all([
    service.lists.pageFor(callerOf(ctx).id, user_id, list, page),
    mustSee(service, ctx, user_id),
  ]);
  return shown;
}

/** Those who have blocked the caller are not shown. */
async function withoutHidden({ lists }: SocialService, ctx: ActionContext<unknown>, users: UserId[]) {
  const { hidden_ids } = await lists.blockedAmong(callerOf(ctx).id, users);
  return users.filter((id) => !hidden_ids.includes(id));
}

/** @throws NOT_FOUND where there is no such user, or one who has blocked the caller */
async function mustSee({ lists }: SocialService, ctx: OfUser, user: UserId): Promise<void> {
  const { id } = callerOf(ctx);
  if (id === user) return;
  const [{ hidden_ids }] = await Promise.all([lists.blockedAmong(id, [user]), mustExist(ctx, user)]);
  if (hidden_ids.length > 0) throw rules.noSuchUser();
}

async function mustExist(ctx: Context<unknown, Meta>, user_id: UserId): Promise<void> {
  const { exists } = await call(ctx, "v1.users.exists", { user_id });
  if (!exists) throw rules.noSuchUser();
}

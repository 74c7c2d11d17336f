/** Who follows whom, in ego. */
import { z } from "zod";
import { offsetParams } from "../../../../lib/cursors.ts";
import { alreadyExists, notFound } from "../../../../lib/errors.ts";
import type { UserId } from "../../../../lib/ids.ts";
import { type Ask, route } from "../dialect.ts";
import { numberOf, UserNumber } from "../values.ts";
import { namesOf } from "./users.ts";

const Person = z
  .object({
    user_id: z.int(),
    first_name: z.string(),
    last_name: z.string(),
    avatar: z.string().nullable(),
    deleted: z.boolean(),
  })
  .meta({ id: "EgoPerson" });

const Pair = z.object({ subscriber_id: z.int(), subscription_id: z.int() });
const page = { offset: z.int(), limit: z.int() };
const takes = z.object({ user_id: UserNumber, ...offsetParams });

/** In the order of the ids. Who is gone since the list was read is shown as deleted. */
async function people(ask: Ask, ids: string[]): Promise<z.input<typeof Person>[]> {
  if (ids.length === 0) return [];
  const { profiles } = await ask("v1.users.readProfiles", { ids });
  const known = new Map(profiles.map((profile) => [profile.id, profile]));
  return ids.map((id) => {
    const profile = known.get(id);
    return {
      user_id: numberOf(id),
      ...(profile ? namesOf(profile) : { first_name: "", last_name: "" }),
      avatar: profile?.avatar_url ?? null,
      deleted: profile === undefined,
    };
  });
}

async function listed(ask: Ask, list: "followers" | "following", wanted: z.output<typeof takes>) {
  const { user_ids } = await ask("v1.social.listFollowsAt", { list, ...wanted });
  return people(ask, user_ids);
}

const pairOf = (subscriber: UserId | undefined, subscription: UserId) => ({
  subscriber_id: numberOf(subscriber ?? null),
  subscription_id: numberOf(subscription),
});

export const egoSubscriptionRoutes = [
  route({
    method: "POST",
    path: "/subscription/subscribe",
    summary: "Follow a user",
    takes: z.object({ subscription_id: UserNumber }),
    answers: Pair,
    status: 201,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"],
    async serve({ input: { subscription_id: user_id }, ask, caller }) {
      const { changed } = await ask("v1.social.follow", { user_id });
      if (!changed) throw alreadyExists("You have subscribed to this user already.");
      return pairOf(caller?.id, user_id);
    },
  }),
  route({
    method: "DELETE",
    path: "/subscription/unsubscribe",
    summary: "Follow a user no more",
    takes: z.object({ subscription_id: UserNumber }),
    answers: Pair,
    problems: ["NOT_FOUND"],
    async serve({ input: { subscription_id: user_id }, ask, caller }) {
      const { changed } = await ask("v1.social.unfollow", { user_id });
      if (!changed) throw notFound("You have not subscribed to this user.");
      return pairOf(caller?.id, user_id);
    },
  }),
  route({
    method: "GET",
    path: "/subscription/get_subscriptions",
    summary: "List whom a user follows",
    takes,
    answers: z.object({ subscriptions: z.array(Person), ...page }),
    problems: ["NOT_FOUND"],
    async serve({ input, ask }) {
      const subscriptions = await listed(ask, "following", input);
      return { subscriptions, offset: input.offset, limit: input.limit };
    },
  }),
  route({
    method: "GET",
    path: "/subscription/get_subscribers",
    summary: "List who follows a user",
    takes,
    answers: z.object({ subscribers: z.array(Person), ...page }),
    problems: ["NOT_FOUND"],
    async serve({ input, ask }) {
      const subscribers = await listed(ask, "followers", input);
      return { subscribers, offset: input.offset, limit: input.limit };
    },
  }),
];

/** ego: users of its auth service, profiles of its users service, subscriptions and posts. */
import { z } from "zod";
import { BcryptHashSchema } from "../../../lib/passwords.ts";
import {
  field,
  given,
  OldEmail,
  OldId,
  OldPostText,
  type OldSystem,
  OldTimeOrNow,
  OldUsername,
} from "../records.ts";

const user = z
  .object({
    user_id: OldId,
    username: OldUsername,
    user_email: OldEmail,
    password_hash: BcryptHashSchema,
    created_at: OldTimeOrNow,
  })
  .transform(({ user_id, user_email, ...rest }) => ({
    kind: "user" as const,
    id: user_id,
    email: user_email,
    ...rest,
    profile: {},
  }));

const profile = z
  .object({
    user_id: OldId,
    first_name: field("first_name"),
    last_name: field("last_name"),
    gender: field("gender"),
    birthday: field("birthday"),
  })
  .transform(({ user_id, ...fields }) => ({
    kind: "profile" as const,
    user: user_id,
    profile: given(fields),
  }));

const subscription = z
  .object({ subscriber_id: OldId, subscription_id: OldId, created_at: OldTimeOrNow })
  .transform(({ subscriber_id, subscription_id, created_at }) => ({
    kind: "tie" as const,
    tie: "follow" as const,
    from: subscriber_id,
    to: subscription_id,
    since: created_at,
  }));

const post = z
  .object({ post_id: OldId, creator_id: OldId, text_content: OldPostText, created_at: OldTimeOrNow })
  .transform(({ post_id, creator_id, text_content, created_at }) => ({
    kind: "post" as const,
    id: post_id,
    author: creator_id,
    text: text_content,
    created_at,
  }));

export const ego: OldSystem = { name: "ego", records: { user, profile, subscription, post } };

/** balun: the messenger whose API `/v1` goes on. Users, profiles, friends, and chats of two. */
import { z } from "zod";
import { BcryptHashSchema } from "../../../lib/passwords.ts";
import { NicknameSchema } from "../../../services/users/users.contract.ts";
import {
  field,
  given,
  OldEmail,
  OldId,
  type OldRecord,
  type OldSystem,
  OldText,
  OldTime,
  OldTimeIfKnown,
  OldTimeOrNow,
} from "../records.ts";

const user = z
  .object({
    user_id: OldId,
    email: OldEmail,
    password_hash: BcryptHashSchema,
    created_at_unix_ms: OldTimeOrNow,
  })
  .transform(({ user_id, email, password_hash, created_at_unix_ms }) => ({
    kind: "user" as const,
    id: user_id,
    ...{ email, password_hash },
    created_at: created_at_unix_ms,
    profile: {},
  }));

const profile = z
  .object({
    user_id: OldId,
    nickname: NicknameSchema,
    bio: field("bio"),
    avatar_url: field("avatar_url"),
  })
  .transform(({ user_id, ...fields }) => ({
    kind: "profile" as const,
    user: user_id,
    profile: given(fields),
  }));

/** What was declined leaves nothing to keep. */
const friendRequest = z
  .object({
    from_user_id: OldId,
    to_user_id: OldId,
    status: z.enum(["PENDING", "ACCEPTED", "DECLINED"]),
    created_at_unix_ms: OldTimeOrNow,
  })
  .transform(
    ({ from_user_id, to_user_id, status, created_at_unix_ms }): OldRecord =>
      status === "DECLINED"
        ? { kind: "nothing" }
        : {
            kind: "tie",
            tie: status === "PENDING" ? "request" : "friends",
            from: from_user_id,
            to: to_user_id,
            since: created_at_unix_ms,
          },
  );

const friend = z
  .object({ user_id: OldId, friend_user_id: OldId, created_at_unix_ms: OldTimeOrNow })
  .transform(({ user_id, friend_user_id, created_at_unix_ms }) => ({
    kind: "tie" as const,
    tie: "friends" as const,
    from: user_id,
    to: friend_user_id,
    since: created_at_unix_ms,
  }));

const chat = z
  .object({ chat_id: OldId, user_ids: z.tuple([OldId, OldId]), created_at_unix_ms: OldTimeIfKnown })
  .refine(({ user_ids: [one, other] }) => one !== other, { path: ["user_ids"], message: "must be two users" })
  .transform(({ chat_id, user_ids, created_at_unix_ms }) => ({
    kind: "chat" as const,
    id: chat_id,
    users: user_ids,
    created_at: created_at_unix_ms,
  }));

const message = z
  .object({ id: OldId, chat_id: OldId, sender_id: OldId, text: OldText, sent_at_unix_ms: OldTime })
  .transform(({ id, chat_id, sender_id, text, sent_at_unix_ms }) => ({
    kind: "message" as const,
    id,
    conversation: { kind: "chat" as const, id: chat_id },
    sender: sender_id,
    text,
    sent_at: sent_at_unix_ms,
  }));

export const balun: OldSystem = {
  name: "balun",
  records: { user, profile, friend_request: friendRequest, friend, chat, message },
};

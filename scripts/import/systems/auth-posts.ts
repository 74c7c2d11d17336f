/** auth-posts: users and posts. Who was an administrator there is a user here, until an operator says otherwise. */
import { z } from "zod";
import { BcryptHashSchema } from "../../../lib/passwords.ts";
import { asNickname, OldEmail, OldId, OldPostText, type OldSystem, OldTimeOrNow } from "../records.ts";

const user = z
  .object({
    id: OldId,
    email: OldEmail,
    password_hash: BcryptHashSchema,
    nickname: z.string().nullish(),
    created_at: OldTimeOrNow,
  })
  .transform(({ id, email, password_hash, nickname, created_at }) => ({
    kind: "user" as const,
    ...{ id, email, password_hash, created_at },
    profile: asNickname(nickname ?? ""),
  }));

const post = z
  .object({ id: OldId, user_id: OldId, text: OldPostText, created_at: OldTimeOrNow })
  .transform(({ user_id, ...rest }) => ({ kind: "post" as const, author: user_id, ...rest }));

export const authPosts: OldSystem = { name: "auth-posts", records: { user, post } };

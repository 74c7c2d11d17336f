/** Profiles and avatars, in ego. */
import { z } from "zod";
import type { ResultOf } from "../../../../lib/contract.ts";
import { type Ask, route } from "../dialect.ts";
import { numberOf, UserNumber } from "../values.ts";

const Name = z.string().trim().min(1).max(64);
const Gender = z.enum(["male", "female"]);
/** That it is not in the future is for the profile to say. */
const Day = z.iso.date().describe("YYYY-MM-DD, not in the future");

const User = z
  .object({
    user_id: z.int(),
    first_name: z.string(),
    last_name: z.string(),
    gender: Gender.nullable(),
    birthday: z.string().nullable(),
    avatar_path: z.string().nullable(),
    count_of_subscriptions: z.int(),
    count_of_subscribers: z.int(),
    deleted: z.boolean(),
  })
  .meta({ id: "EgoUser" });

type Profile = ResultOf<"v1.users.readProfile">;

/** Those who came by another door may have none of the names of this one. */
export const namesOf = ({ first_name, last_name, display_name, nickname }: Profile) => ({
  first_name: first_name ?? display_name ?? nickname ?? "",
  last_name: last_name ?? "",
});

async function userOf(ask: Ask, profile: Profile): Promise<z.input<typeof User>> {
  const counts = await ask("v1.social.getCounts", { user_id: profile.id });
  return {
    user_id: numberOf(profile.id),
    ...namesOf(profile),
    gender: profile.gender,
    birthday: profile.birthday,
    avatar_path: profile.avatar_url,
    count_of_subscriptions: counts.following_count,
    count_of_subscribers: counts.followers_count,
    deleted: false,
  };
}

export const egoUserRoutes = [
  route({
    method: "GET",
    path: "/users/info",
    summary: "Get a user",
    takes: z.object({ user_id: UserNumber }),
    answers: User,
    problems: ["NOT_FOUND"],
    serve: async ({ input: { user_id: id }, ask }) =>
      userOf(ask, await ask("v1.users.getProfileById", { id })),
  }),
  route({
    method: "POST",
    path: "/users/create_user",
    summary: "Say who one is, once",
    takes: z.object({ first_name: Name, last_name: Name, gender: Gender, birthday: Day }),
    answers: User,
    status: 201,
    problems: ["NOT_FOUND", "ALREADY_EXISTS"],
    example: { first_name: "Test", last_name: "Test", gender: "male", birthday: "2023-07-18" },
    serve: async ({ input, ask }) => userOf(ask, await ask("v1.users.completeProfile", input)),
  }),
  route({
    method: "PATCH",
    path: "/users/update_user_info",
    summary: "Change who one is",
    takes: z
      .object({
        first_name: Name.optional(),
        last_name: Name.optional(),
        gender: Gender.optional(),
        birthday: Day.optional(),
      })
      .refine((given) => Object.values(given).some((value) => value !== undefined), "a field is needed"),
    answers: User,
    problems: ["NOT_FOUND"],
    serve: async ({ input, ask }) => userOf(ask, await ask("v1.users.updateProfile", input)),
  }),
  route({
    method: "DELETE",
    path: "/users/delete_user",
    summary: "Delete the account, within 15 minutes after a sign-in",
    takes: z.object({}),
    answers: z.object({
      user_id: z.int(),
      first_name: z.string(),
      last_name: z.string(),
      deleted: z.literal(true),
    }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ ask }) {
      const me = await ask("v1.users.getMe", {});
      await ask("v1.auth.deleteAccountAfterSignIn", {});
      return { user_id: numberOf(me.id), ...namesOf(me), deleted: true as const };
    },
  }),
  route({
    method: "POST",
    path: "/avatars/set_avatar",
    summary: "Upload an avatar, JPEG or PNG, in the place of the one before",
    takes: z.object({}),
    file: { field: "avatar_data", formats: ["jpeg", "png"] },
    answers: z.object({ avatar_id: z.string(), avatar_type: z.string(), avatar_user_id: z.int() }),
    status: 201,
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ upload = "", ask }) {
      const { id, content_type, user_id } = await ask("v1.users.setAvatar", { upload });
      const avatar_type = content_type.slice("image/".length);
      return { avatar_id: id, avatar_type, avatar_user_id: numberOf(user_id) };
    },
  }),
  route({
    method: "DELETE",
    path: "/avatars/delete_avatar",
    summary: "Delete the avatar",
    takes: z.object({}),
    answers: z.object({ avatar_id: z.string() }),
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ ask }) {
      const { photo_id } = await ask("v1.users.removeAvatar", {});
      return { avatar_id: photo_id };
    },
  }),
];

/** Profiles: how users show themselves to others. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { MAX_LIMIT, pageParams } from "../../lib/cursors.ts";
import { PhotoIdSchema, UserIdSchema } from "../../lib/ids.ts";
import { ImportedTime, MAX_RECORDS } from "../imports/imports.contract.ts";
import { Photo, UploadSchema } from "../photo/photo.contract.ts";

/** The public handle. */
export const NicknameSchema = z
  .string()
  .regex(/^[a-z0-9_]{3,20}$/, "must be 3 to 20 small letters, digits or _");

/** Free text. */
export const DisplayName = z.string().trim().min(1).max(64);

const name = z.string().trim().min(1).max(64);

const editable = {
  nickname: NicknameSchema,
  display_name: DisplayName,
  bio: z.string().max(500),
  avatar_url: z.url({ protocol: /^https?$/ }).max(2048),
  first_name: name,
  last_name: name,
  gender: z.enum(["male", "female"]),
  birthday: z.iso
    .date()
    .refine((day) => day <= new Date().toISOString().slice(0, 10), "must not be in the future"),
};

/** A field that was never set is null. */
export const Profile = z
  .object({
    id: z.string(),
    nickname: z.string().nullable(),
    display_name: z.string().nullable(),
    bio: z.string().nullable(),
    avatar_url: z
      .string()
      .nullable()
      .describe("of an uploaded avatar: good for a while, and relative without PUBLIC_URL"),
    first_name: z.string().nullable(),
    last_name: z.string().nullable(),
    gender: z.enum(["male", "female"]).nullable(),
    birthday: z.string().nullable().describe("YYYY-MM-DD"),
    created_at_unix_ms: z.int(),
  })
  .meta({ id: "Profile" });

/** What only oneself sees. */
export const OwnProfile = Profile.extend({
  email: z.string(),
  username: z.string().nullable(),
  role: z.enum(["user", "admin"]),
}).meta({ id: "OwnProfile" });

const changes = z.object(editable).partial();
const clearable = z.strictObject(
  Object.fromEntries(
    Object.entries(editable).map(([field, schema]) => [
      field,
      field === "nickname" ? schema.optional() : schema.nullable().optional(),
    ]),
  ) as { [F in keyof typeof editable]: z.ZodOptional<z.ZodNullable<(typeof editable)[F]>> },
);

/** What an older system says of a user. Without `created_at` it is new. */
export const ImportedProfile = z.strictObject({
  user_id: UserIdSchema,
  ...changes.shape,
  created_at: ImportedTime.optional(),
});

export const usersContract = defineContract({
  "v1.users.createProfile": {
    audience: "user",
    params: changes.extend({ nickname: NicknameSchema }).strict(),
    result: Profile,
  },
  /** The names that one gives once; ALREADY_EXISTS from then on. */
  "v1.users.completeProfile": {
    audience: "user",
    params: z.strictObject({
      first_name: editable.first_name,
      last_name: editable.last_name,
      gender: editable.gender,
      birthday: editable.birthday,
    }),
    result: Profile,
  },
  "v1.users.updateProfile": {
    audience: "user",
    params: clearable
      .refine((given) => Object.keys(given).length > 0, "at least one field is needed")
      .describe("a field set to null is cleared; the nickname can't be"),
    result: Profile,
  },
  "v1.users.getProfileById": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ id: UserIdSchema }),
    result: Profile,
  },
  "v1.users.getProfileByNickname": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ nickname: NicknameSchema }),
    result: Profile,
  },
  "v1.users.getMe": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: OwnProfile,
  },
  "v1.users.searchByNickname": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      query: z.string().trim().min(1).max(20).toLowerCase().describe("how the nickname starts"),
      ...pageParams,
    }),
    result: z.object({ results: z.array(Profile), next_cursor: z.string().nullable() }),
  },
  "v1.users.listProfiles": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: z.object({ results: z.array(Profile), next_cursor: z.string().nullable() }),
  },
  /** Whoever asks: who may see it is the caller's to check. */
  "v1.users.readProfile": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ id: UserIdSchema }),
    result: Profile,
  },
  /** As `readProfile`, of many at once; leaves out what is not there. */
  "v1.users.readProfiles": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ ids: z.array(UserIdSchema).max(MAX_LIMIT) }),
    result: z.object({ profiles: z.array(Profile) }),
  },
  /** With the account that is being made; ALREADY_EXISTS when the nickname is taken, and then nothing is kept. */
  "v1.users.prepareProfile": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      user_id: UserIdSchema,
      nickname: NicknameSchema.optional(),
      display_name: DisplayName.optional(),
    }),
    result: z.null(),
  },
  "v1.users.deleteProfile": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema }),
    result: z.null(),
  },
  /** For the import: makes what is missing and sets what is not set. Where a nickname is another's, there is none. */
  "v1.users.importProfiles": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ profiles: z.array(ImportedProfile).min(1).max(MAX_RECORDS) }),
    result: z.object({
      profiles: z.array(z.object({ user_id: z.string(), nickname_taken: z.boolean() })),
    }),
  },
  /** Answers the photo that was made of it. */
  "v1.users.setAvatar": {
    audience: "user",
    params: z.strictObject({ upload: UploadSchema }),
    result: Photo,
  },
  "v1.users.removeAvatar": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: z.object({ photo_id: PhotoIdSchema }),
  },
  /** Whether a photo is the user's avatar. */
  "v1.users.holdsImage": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, photo_id: PhotoIdSchema }),
    result: z.object({ holds: z.boolean() }),
  },
  "v1.users.exists": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema }),
    result: z.object({ exists: z.boolean() }),
  },
});

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof usersContract> {}
}

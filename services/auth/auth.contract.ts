/** Accounts: who may sign in. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { MAX_LIMIT } from "../../lib/cursors.ts";
import { UserIdSchema } from "../../lib/ids.ts";
import { BcryptHashSchema, PasswordSchema } from "../../lib/passwords.ts";
import { ImportedTime, MAX_RECORDS } from "../imports/imports.contract.ts";
import { DisplayName, ImportedProfile, NicknameSchema } from "../users/users.contract.ts";

/** Kept in lower case: one mailbox, one account. */
export const EmailSchema = z
  .string()
  .trim()
  .max(254)
  .pipe(z.email())
  .transform((email) => email.toLowerCase());

/** What one signs in with. Unique whatever the case; kept as it was written. */
export const UsernameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_]{3,32}$/, "must be 3 to 32 letters, digits or _");

/** What a sign-in sends as password: only its length is bounded, so that a wrong one is wrong and not malformed. */
const GivenPassword = z.string().min(1).max(128);

export const Tokens = z
  .object({
    user_id: z.string(),
    access_token: z.string(),
    refresh_token: z.string(),
    expires_in: z.int().describe("seconds until the access token ends"),
  })
  .meta({ id: "Tokens" });

export const Account = z
  .object({
    id: z.string(),
    email: z.string(),
    username: z.string().nullable(),
    role: z.enum(["user", "admin"]),
  })
  .meta({ id: "Account" });

/** What one signs in with. */
const changeable = {
  email: EmailSchema.optional(),
  username: UsernameSchema.optional(),
  new_password: PasswordSchema.optional(),
};

/** An account of an older system. `username` and `nickname` as that system has them; a nickname that is taken is left out. */
export const ImportedAccount = z.strictObject({
  user_id: UserIdSchema,
  email: EmailSchema,
  username: UsernameSchema.optional(),
  password_hash: BcryptHashSchema.describe("of the password itself"),
  created_at: ImportedTime,
  profile: ImportedProfile.omit({ user_id: true, created_at: true }).default({}),
});

export const authContract = defineContract({
  "v1.auth.register": {
    audience: "anyone",
    params: z.strictObject({
      email: EmailSchema,
      password: PasswordSchema,
      nickname: NicknameSchema.optional(),
      display_name: DisplayName.optional(),
      username: UsernameSchema.optional(),
    }),
    result: Tokens,
  },
  "v1.auth.login": {
    audience: "anyone",
    params: z
      .strictObject({
        email: EmailSchema.optional(),
        username: z.string().min(1).max(254).optional().describe("the username or the email"),
        password: GivenPassword,
      })
      .refine(({ email, username }) => (email === undefined) !== (username === undefined), {
        path: ["email"],
        message: "either email or username is needed, not both",
      }),
    result: Tokens,
  },
  "v1.auth.refresh": {
    audience: "anyone",
    idempotent: true,
    params: z.strictObject({ refresh_token: z.string().min(1).max(512) }),
    result: Tokens,
  },
  /** For sessions whose refresh token stays as it is; those of `/v1` come to `refresh`. */
  "v1.auth.renewAccess": {
    audience: "anyone",
    idempotent: true,
    params: z.strictObject({ refresh_token: z.string().min(1).max(512) }),
    result: Tokens.omit({ refresh_token: true }),
  },
  "v1.auth.verify": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: z.object({ user_id: z.string(), session_id: z.string(), role: z.enum(["user", "admin"]) }),
  },
  "v1.auth.getAccount": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: Account,
  },
  "v1.auth.updateAccount": {
    audience: "user",
    params: z
      .strictObject({
        ...changeable,
        password: GivenPassword.optional().describe("today's; may be left out for a username alone"),
      })
      .refine(({ email, username, new_password }) => email ?? username ?? new_password, {
        message: "one of email, username or new_password is needed",
      }),
    result: Account,
  },
  "v1.auth.deleteAccount": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({ password: GivenPassword }),
    result: z.null(),
  },
  /** For doors whose requests carry no password. PERMISSION_DENIED where the sign-in is 15 minutes old, or older. */
  "v1.auth.updateAccountAfterSignIn": {
    audience: "services",
    params: z.strictObject(changeable),
    result: Account,
  },
  /** As above. */
  "v1.auth.deleteAccountAfterSignIn": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({}),
    result: z.null(),
  },
  /** An account for somebody else, who is not signed in by it. */
  "v1.auth.createAccount": {
    audience: "admin",
    params: z.strictObject({ email: EmailSchema, password: PasswordSchema }),
    result: Account,
  },
  /** A new password ends all sessions of the account. */
  "v1.auth.updateAccountOf": {
    audience: "admin",
    params: z.strictObject({ user_id: UserIdSchema, ...changeable }),
    result: Account,
  },
  "v1.auth.deleteAccountOf": {
    audience: "admin",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema }),
    result: z.null(),
  },
  /** Leaves out what is not there. */
  "v1.auth.getAccounts": {
    audience: "admin",
    idempotent: true,
    params: z.strictObject({ user_ids: z.array(UserIdSchema).max(MAX_LIMIT) }),
    result: z.object({ accounts: z.array(Account) }),
  },
  /** Leaves out what is not there. */
  "v1.auth.readUsernames": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_ids: z.array(UserIdSchema).max(MAX_LIMIT) }),
    result: z.object({ users: z.array(z.object({ id: z.string(), username: z.string().nullable() })) }),
  },
  /** For operators, from a shell of the mesh: no route leads here. */
  "v1.auth.setRole": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ email: EmailSchema, role: z.enum(["user", "admin"]) }),
    result: Account,
  },
  /** For the import: in the order of the accounts. Refused is what another has already; that one is left as it is. */
  "v1.auth.importAccounts": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ accounts: z.array(ImportedAccount).min(1).max(MAX_RECORDS) }),
    result: z.object({
      outcomes: z.array(
        z.object({
          outcome: z.enum(["made", "there", "refused"]),
          reason: z.string().optional(),
          nickname_taken: z.boolean().optional(),
        }),
      ),
    }),
  },
  /** For the import: which of some accounts can be signed in to. */
  "v1.auth.listActive": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_ids: z.array(UserIdSchema).max(MAX_RECORDS) }),
    result: z.object({ user_ids: z.array(z.string()) }),
  },
  /** Whether an account is there and not being deleted; for handlers of late events. */
  "v1.auth.isActive": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema }),
    result: z.object({ active: z.boolean() }),
  },
  /** A consumer of `user.deleted` says that it holds nothing more of the user. */
  "v1.auth.confirmDeletion": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ user_id: UserIdSchema, round: z.int().min(1).max(2), consumer: z.string() }),
    result: z.null(),
  },
});

/** Durable: an account came to be. The account may be gone again when this arrives. */
export const UserRegistered = z.object({ user_id: UserIdSchema });

/** Durable: remove what you hold of the user, then confirm. Comes twice, in rounds, and each may come again. */
export const UserDeleted = z.object({ user_id: UserIdSchema, round: z.int().min(1).max(2) });

/** Who must confirm before an account goes: every service that keeps something about users. */
export const DELETION_CONSUMERS = ["users", "session", "social", "rooms", "chat", "posts", "photo"] as const;

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof authContract> {}
  interface DurableEvents {
    "user.registered": z.output<typeof UserRegistered>;
    "user.deleted": z.output<typeof UserDeleted>;
  }
}

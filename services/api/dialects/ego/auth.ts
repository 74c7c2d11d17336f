/** What one signs in with, in ego. */
import { z } from "zod";
import { EmailSchema, UsernameSchema } from "../../../auth/auth.contract.ts";
import { route } from "../dialect.ts";
import { numberOf } from "../values.ts";

const Password = z.string().min(8).max(32);

const Tokens = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    access_token_expires: z.int().describe("seconds until the access token ends"),
  })
  .meta({ id: "EgoTokens" });

const tokensOf = (tokens: { access_token: string; refresh_token: string; expires_in: number }) => ({
  access_token: tokens.access_token,
  refresh_token: tokens.refresh_token,
  access_token_expires: tokens.expires_in,
});

export const egoAuthRoutes = [
  route({
    method: "POST",
    path: "/auth/registration",
    summary: "Make an account, and sign in",
    access: "anyone",
    takes: z.object({ username: UsernameSchema, password: Password, user_email: EmailSchema }),
    answers: Tokens,
    status: 201,
    problems: ["ALREADY_EXISTS"],
    example: { username: "testusername", password: "testpassword", user_email: "testemail@example.com" },
    async serve({ input: { username, password, user_email: email }, ask }) {
      return tokensOf(await ask("v1.auth.register", { username, password, email }));
    },
  }),
  route({
    method: "POST",
    path: "/auth/login",
    summary: "Sign in with a username",
    access: "anyone",
    takes: z.object({ username: z.string().min(1).max(254), password: z.string().min(1).max(128) }),
    answers: Tokens,
    statuses: { UNAUTHENTICATED: 404 },
    problems: ["UNAUTHENTICATED"],
    when: ({ body }) => typeof body === "object" && body !== null && "username" in body,
    example: { username: "testusername", password: "testpassword" },
    async serve({ input, ask }) {
      return tokensOf(await ask("v1.auth.login", input));
    },
  }),
  route({
    method: "GET",
    path: "/auth/verify",
    summary: "Check an access token: for a proxy's forward-auth, which reads the user from X-User-ID",
    takes: z.object({}),
    answers: z.object({ verify_status: z.literal("Done") }),
    async serve({ ask, setHeader }) {
      const { user_id } = await ask("v1.auth.verify", {});
      setHeader("X-User-ID", String(numberOf(user_id)));
      return { verify_status: "Done" as const };
    },
  }),
  route({
    method: "GET",
    path: "/auth/refresh",
    summary: "Get a new access token: with the refresh token in Authorization, which stays as it is",
    access: "anyone",
    takes: z.object({}),
    answers: z.object({ access_token: z.string() }),
    statuses: { INVALID_ARGUMENT: 401 },
    problems: ["UNAUTHENTICATED"],
    async serve({ bearer, ask }) {
      const { access_token } = await ask("v1.auth.renewAccess", { refresh_token: bearer });
      return { access_token };
    },
  }),
  route({
    method: "PATCH",
    path: "/auth/update_login_data",
    summary: "Change password or email, within 15 minutes after a sign-in",
    takes: z
      .object({ password: Password.optional(), user_email: EmailSchema.optional() })
      .refine(({ password, user_email }) => password ?? user_email, "password or user_email is needed"),
    answers: z.object({ username: z.string() }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    async serve({ input: { password: new_password, user_email: email }, ask }) {
      const { username } = await ask("v1.auth.updateAccountAfterSignIn", { new_password, email });
      return { username: username ?? "" };
    },
  }),
];

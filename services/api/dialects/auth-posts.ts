/** The dialect of auth-posts: accounts, users and posts. Ids are numbers; errors are `{error}`. */
import { z } from "zod";
import { PasswordSchema } from "../../../lib/passwords.ts";
import { EmailSchema } from "../../auth/auth.contract.ts";
import { authPostsPostRoutes } from "./auth-posts/posts.ts";
import { type Ask, type Dialect, type DialectRequest, route } from "./dialect.ts";
import { numberOf, UserNumber, unpaged } from "./values.ts";

const Token = z.object({ token: z.string() });
const Credentials = z.object({ email: EmailSchema, password: z.string().min(1).max(128) });
const NewAccount = z.object({ email: EmailSchema, password: PasswordSchema });

const User = z
  .object({
    id: z.int(),
    email: z.string().optional().describe("of oneself; to an administrator, of all"),
    nickname: z.string().nullable().optional(),
  })
  .meta({ id: "AuthPostsUser" });

const Account = z.object({ id: z.int(), email: z.string() }).meta({ id: "AuthPostsAccount" });

const accountOf = ({ id, email }: { id: string; email: string }) => ({ id: numberOf(id), email });

/** Emails of all are for administrators, one's own for everybody. */
async function emailsOf(ask: Ask, { caller }: Pick<DialectRequest<unknown>, "caller">, ids: string[]) {
  if (caller?.role === "admin") {
    const { accounts } = await ask("v1.auth.getAccounts", { user_ids: ids });
    return new Map(accounts.map(({ id, email }) => [id, email]));
  }
  if (!caller || !ids.includes(caller.id)) return new Map<string, string>();
  const { email } = await ask("v1.auth.getAccount", {});
  return new Map<string, string>([[caller.id, email]]);
}

/** A sign-in, by either method. The document gives one status to all that can be wrong with it. */
const login = (method: "GET" | "POST") =>
  route({
    method,
    path: "/auth/login",
    summary: "Sign in for a day",
    access: "anyone",
    takes: Credentials,
    query: [],
    body: ["email", "password"],
    answers: Token,
    statuses: { INVALID_ARGUMENT: 401 },
    problems: ["UNAUTHENTICATED"],
    example: { email: "john@example.com", password: "correct horse" },
    async serve({ input, ask }) {
      const { access_token } = await ask("v1.auth.login", input);
      return { token: access_token };
    },
  });

export const authPosts: Dialect = {
  name: "auth-posts",
  description: "The older dialect of auth-posts: accounts, users and posts",
  errors: {
    contentType: "application/json",
    schema: z.object({ error: z.string() }),
    bodyOf: ({ detail }) => ({ error: detail }),
  },
  routes: [
    route({
      method: "POST",
      path: "/auth/reg",
      summary: "Make an account, and sign in for a day",
      access: "anyone",
      takes: NewAccount,
      answers: Token,
      problems: ["ALREADY_EXISTS"],
      example: { email: "john@example.com", password: "correct horse" },
      async serve({ input, ask }) {
        const { access_token } = await ask("v1.auth.register", input);
        return { token: access_token };
      },
    }),
    login("GET"),
    login("POST"),
    route({
      method: "GET",
      path: "/users",
      summary: "List users, 1,000 and 1 MB at most; an administrator sees their emails",
      takes: z.object({}),
      unpaged: true,
      answers: z.array(User),
      async serve({ ask, caller }) {
        return unpaged(async (wanted) => {
          const { results, next_cursor } = await ask("v1.users.listProfiles", wanted);
          const ids = results.map(({ id }) => id);
          const emails = caller?.role === "admin" ? await emailsOf(ask, { caller }, ids) : undefined;
          const items = results.map(({ id, nickname }) => {
            const email = emails?.get(id);
            return { id: numberOf(id), nickname, ...(email === undefined ? {} : { email }) };
          });
          return { items, next_cursor };
        });
      },
    }),
    route({
      method: "POST",
      path: "/users",
      summary: "Make an account for somebody: administrators may",
      takes: NewAccount,
      answers: Account,
      problems: ["PERMISSION_DENIED", "ALREADY_EXISTS"],
      serve: async ({ input, ask }) => accountOf(await ask("v1.auth.createAccount", input)),
    }),
    route({
      method: "PUT",
      path: "/users",
      summary:
        "Change email or password: of oneself within 15 minutes after a sign-in, of all as an administrator",
      takes: z
        .object({
          id: UserNumber.optional().describe("default: oneself"),
          email: EmailSchema.optional(),
          password: PasswordSchema.optional(),
        })
        .refine(({ email, password }) => email ?? password, "email or password is needed"),
      answers: Account,
      problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
      async serve({ input: { id, email, password: new_password }, ask, caller }) {
        const changes = { email, new_password };
        const self = id === undefined || id === caller?.id;
        return accountOf(
          self
            ? await ask("v1.auth.updateAccountAfterSignIn", changes)
            : await ask("v1.auth.updateAccountOf", { user_id: id, ...changes }),
        );
      },
    }),
    route({
      method: "GET",
      path: "/users/{id}",
      summary: "Get a user; the email of oneself, or as an administrator",
      takes: z.object({ id: UserNumber }),
      answers: User,
      problems: ["NOT_FOUND"],
      async serve({ input: { id }, ask, caller }) {
        const { nickname } = await ask("v1.users.getProfileById", { id });
        const email = (await emailsOf(ask, { caller }, [id])).get(id);
        return { id: numberOf(id), nickname, ...(email === undefined ? {} : { email }) };
      },
    }),
    route({
      method: "DELETE",
      path: "/users/{id}",
      summary: "Delete an account: one's own within 15 minutes after a sign-in, any as an administrator",
      takes: z.object({ id: UserNumber }),
      answers: z.object({ id: z.int() }),
      problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
      async serve({ input: { id: user_id }, ask, caller }) {
        if (user_id === caller?.id) await ask("v1.auth.deleteAccountAfterSignIn", {});
        else await ask("v1.auth.deleteAccountOf", { user_id });
        return { id: numberOf(user_id) };
      },
    }),
    ...authPostsPostRoutes,
  ],
};

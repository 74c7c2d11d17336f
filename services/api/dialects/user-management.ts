/**
 * The dialect of user-management: accounts, profiles and photos, signed in by a cookie. Everything is told as
 * `{success, data}` or `{success, errors}`. Every path is there under `/api` too.
 */
import { z } from "zod";
import { notFound, permissionDenied } from "../../../lib/errors.ts";
import { PhotoIdSchema, UserIdSchema } from "../../../lib/ids.ts";
import { EmailSchema } from "../../auth/auth.contract.ts";
import type { Photo as PhotoSchema } from "../../photo/photo.contract.ts";
import { cookieOf } from "./credentials.ts";
import { type Ask, type Dialect, type DialectRequest, type DialectRoute, route } from "./dialect.ts";
import { Time, timeOf, unpaged } from "./values.ts";

const COOKIE = "session";
/** As long as its token is good. */
const COOKIE_S = 86_400;

const Name = z.string().trim().min(3).max(30);
const Password = z.string().min(8).max(30);
/** A password that is to be right, not to be well chosen. */
const Given = z.string().min(1).max(128);

const done = <T extends z.ZodType>(data: T) => z.object({ success: z.literal(true), data });
const Message = done(z.object({ message: z.string() }));
const said = (message: string) => ({ success: true as const, data: { message } });

const Photo = z
  .object({ photo_id: z.string(), url: z.string(), created_at: Time })
  .meta({ id: "UserManagementPhoto" });

const Profile = z
  .object({
    userid: z.string(),
    name: z.string(),
    email: z.string().optional().describe("of oneself"),
    photos: z.array(Photo).describe("newest first, 1,000 at most"),
  })
  .meta({ id: "UserManagementProfile" });

const SignedIn = Message.extend({
  token: z.string().describe("what the cookie holds, for a client without cookies"),
});

const photoOf = ({ id, url, created_at_unix_ms }: z.output<typeof PhotoSchema>) => ({
  photo_id: id,
  url,
  created_at: timeOf(created_at_unix_ms),
});

const photosOf = (ask: Ask, user_id: string) =>
  unpaged(async (wanted) => {
    const { photos, next_cursor } = await ask("v1.photo.getPhotos", { user_id, ...wanted });
    return { items: photos.map(photoOf), next_cursor };
  });

const nameOf = (profile: { display_name: string | null; nickname: string | null }): string =>
  profile.display_name ?? profile.nickname ?? "";

/** @param secure whether clients come by HTTPS, as far as it is known */
const cookie = (value: string, seconds: number, secure: boolean): string =>
  [
    `${COOKIE}=${value}`,
    "Path=/",
    `Max-Age=${seconds}`,
    "HttpOnly",
    "SameSite=Strict",
    ...(secure ? ["Secure"] : []),
  ].join("; ");

type Request = Pick<DialectRequest<unknown>, "setHeader" | "secure">;

const keep = ({ setHeader, secure }: Request, token: string) =>
  setHeader("Set-Cookie", cookie(token, COOKIE_S, secure));
const drop = ({ setHeader, secure }: Request) => setHeader("Set-Cookie", cookie("", 0, secure));

/** @throws PERMISSION_DENIED */
function assertSignedOut({ signedInBy }: Pick<DialectRequest<unknown>, "signedInBy">): void {
  if (signedInBy === "cookie") throw permissionDenied("You are signed in already. Sign out first.");
}

/** One of three changes; fields of another one are refused. */
const Update = z
  .object({
    update_type: z.enum(["name", "password", "email"]),
    name: Name.optional(),
    email: EmailSchema.optional(),
    last_password: Given.optional(),
    new_password: Password.optional(),
  })
  .superRefine((given, { addIssue }) => {
    const needed = NEEDED[given.update_type];
    for (const field of CHANGES) {
      const wanted = needed.includes(field);
      if (wanted === (given[field] !== undefined)) continue;
      addIssue({
        code: "custom",
        path: [field],
        message: wanted ? "is needed" : `does not belong to update_type=${given.update_type}`,
      });
    }
  });

const CHANGES = ["name", "email", "last_password", "new_password"] as const;
const NEEDED: Readonly<Record<"name" | "password" | "email", readonly string[]>> = {
  name: ["name"],
  password: ["last_password", "new_password"],
  email: ["email", "last_password"],
};

const deleteAccount = (path: string) =>
  route({
    method: "DELETE",
    path,
    summary: "Delete the account",
    takes: z.object({ password: Given }),
    answers: Message,
    statuses: { UNAUTHENTICATED: 400 },
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
    async serve(request) {
      await request.ask("v1.auth.deleteAccount", { password: request.input.password });
      drop(request);
      return said("The account is deleted.");
    },
  });

/** Somebody else's photo of that id is none of this user's. */
async function photoBy(ask: Ask, photo_id: string, owner: string) {
  const photo = await ask("v1.photo.getPhoto", { photo_id });
  if (photo.user_id !== owner) throw notFound("There is no such photo.");
  return { success: true as const, data: { photo: photoOf(photo) } };
}

const routes = [
  route({
    method: "POST",
    path: "/auth/register",
    summary: "Make an account, and sign in for a day",
    access: "optional",
    takes: z.object({ name: Name, email: EmailSchema, password: Password }),
    answers: SignedIn,
    statuses: { ALREADY_EXISTS: 400 },
    problems: ["PERMISSION_DENIED"],
    example: { name: "Olga", email: "olga@example.org", password: "correct horse" },
    async serve(request) {
      assertSignedOut(request);
      const { name: display_name, email, password } = request.input;
      const { access_token } = await request.ask("v1.auth.register", { email, password, display_name });
      keep(request, access_token);
      return { ...said("You are registered and signed in."), token: access_token };
    },
  }),
  route({
    method: "POST",
    path: "/auth/login",
    summary: "Sign in for a day",
    access: "optional",
    takes: z.object({ email: EmailSchema, password: Given }),
    answers: SignedIn,
    problems: ["UNAUTHENTICATED", "PERMISSION_DENIED"],
    example: { email: "olga@example.org", password: "correct horse" },
    async serve(request) {
      assertSignedOut(request);
      const { access_token } = await request.ask("v1.auth.login", request.input);
      keep(request, access_token);
      return { ...said("You are signed in."), token: access_token };
    },
  }),
  route({
    method: "DELETE",
    path: "/users/logout",
    summary: "Sign out",
    takes: z.object({}),
    answers: Message,
    async serve(request) {
      await request.ask("v1.session.deleteSession", {});
      drop(request);
      return said("You are signed out.");
    },
  }),
  deleteAccount("/users/delete"),
  deleteAccount("/users/del"),
  route({
    method: "PATCH",
    path: "/me/update",
    summary: "Change the name, the password or the email",
    takes: Update,
    query: ["update_type"],
    answers: Message,
    statuses: { UNAUTHENTICATED: 400, ALREADY_EXISTS: 400 },
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
    async serve({ input: { update_type, name, email, last_password: password, new_password }, ask }) {
      if (update_type === "name") await ask("v1.users.updateProfile", { display_name: name });
      else await ask("v1.auth.updateAccount", { email, new_password, password });
      return said(`The ${update_type} is changed.`);
    },
  }),
  route({
    method: "GET",
    path: "/me",
    summary: "Get one's own profile, with photos",
    takes: z.object({}),
    answers: done(Profile),
    problems: ["NOT_FOUND"],
    async serve({ ask, caller }) {
      const [me, photos] = await Promise.all([ask("v1.users.getMe", {}), photosOf(ask, caller?.id ?? "")]);
      return { success: true as const, data: { userid: me.id, name: nameOf(me), email: me.email, photos } };
    },
  }),
  route({
    method: "GET",
    path: "/users/{id}",
    summary: "Get a profile, with photos",
    takes: z.object({ id: UserIdSchema }),
    answers: done(Profile),
    problems: ["NOT_FOUND"],
    when: ({ req }) => cookieOf(req, COOKIE) !== undefined,
    async serve({ input: { id }, ask }) {
      const [profile, photos] = await Promise.all([
        ask("v1.users.getProfileById", { id }),
        photosOf(ask, id),
      ]);
      return { success: true as const, data: { userid: profile.id, name: nameOf(profile), photos } };
    },
  }),
  route({
    method: "POST",
    path: "/me/photos",
    summary: "Upload a photo: JPEG or PNG by what it contains",
    takes: z.object({}),
    file: { field: "photo", formats: ["jpeg", "png"] },
    answers: done(z.object({ photoid: z.string() })),
    problems: ["NOT_FOUND"],
    async serve({ upload = "", ask }) {
      const { id } = await ask("v1.photo.loadPhoto", { upload });
      return { success: true as const, data: { photoid: id } };
    },
  }),
  route({
    method: "GET",
    path: "/me/photos",
    summary: "List one's own photos, newest first, 1,000 at most",
    takes: z.object({}),
    answers: done(z.object({ photos: z.array(Photo) })),
    async serve({ ask, caller }) {
      return { success: true as const, data: { photos: await photosOf(ask, caller?.id ?? "") } };
    },
  }),
  route({
    method: "GET",
    path: "/me/photos/{photo_id}",
    summary: "Get a photo of one's own",
    takes: z.object({ photo_id: PhotoIdSchema }),
    answers: done(z.object({ photo: Photo })),
    problems: ["NOT_FOUND"],
    serve: ({ input: { photo_id }, ask, caller }) => photoBy(ask, photo_id, caller?.id ?? ""),
  }),
  route({
    method: "DELETE",
    path: "/me/photos/{photo_id}",
    summary: "Delete a photo of one's own",
    takes: z.object({ photo_id: PhotoIdSchema }),
    answers: Message,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
    async serve({ input, ask }) {
      await ask("v1.photo.deletePhoto", input);
      return said("The photo is deleted.");
    },
  }),
  route({
    method: "GET",
    path: "/users/{id}/photos/{photo_id}",
    summary: "Get a photo of a user",
    takes: z.object({ id: UserIdSchema, photo_id: PhotoIdSchema }),
    answers: done(z.object({ photo: Photo })),
    problems: ["NOT_FOUND"],
    serve: ({ input: { id, photo_id }, ask }) => photoBy(ask, photo_id, id),
  }),
];

/** There no other dialect has anything, whatever it is that a client brings. */
const underApi = ({ when: _, ...row }: DialectRoute): DialectRoute => ({ ...row, path: `/api${row.path}` });

export const userManagement: Dialect = {
  name: "user-management",
  description: "The older dialect of user-management: accounts, profiles and photos, signed in by a cookie",
  cookie: COOKIE,
  errors: {
    contentType: "application/json",
    schema: z.object({
      success: z.literal(false),
      errors: z.object({ type: z.enum(["Client", "Server"]), message: z.string() }),
    }),
    bodyOf: ({ status, detail }) => ({
      success: false,
      errors: { type: status < 500 ? "Client" : "Server", message: detail },
    }),
  },
  routes: [...routes, ...routes.map(underApi)],
};

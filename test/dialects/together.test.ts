// The four dialects and /v1 are one system: one account for all, shared paths, and each can be switched off.
import { describe, expect, test } from "@jest/globals";
import { startEmbedded } from "../support/embedded.ts";
import { request, signUp, uniqueName } from "../support/http.ts";
import { fetchDocument } from "../support/openapi.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf, type Heard, newEmail } from "./suites/target.ts";

const target = embeddedTarget();
const chat = clientOf(target, "chat-server");
const management = clientOf(target, "user-management");
const ego = clientOf(target, "ego");
const posts = clientOf(target, "auth-posts");

const PASSWORD = "correct horse";

/** Signs in by each dialect, and does there what it offers. */
async function usesAll(email: string): Promise<void> {
  const { body: there } = await chat("PUT", "/login", { body: { Email: email, Password: PASSWORD } });
  const made = await chat("POST", "/create-room", {
    authorization: there.token,
    body: { Name: uniqueName("r") },
  });
  expect(made.status).toBe(201);
  const profile = await chat("GET", "/profile", { authorization: there.token });
  expect(profile.body.Email).toBe(email);

  const cookie = cookieOf(await management("POST", "/auth/login", { body: { email, password: PASSWORD } }));
  const renamed = await management("PATCH", "/me/update?update_type=name", {
    cookie,
    body: { name: "Renamed" },
  });
  expect(renamed.status).toBe(200);
  const me = await management("GET", "/me", { cookie });
  expect(me.body.data).toMatchObject({ name: "Renamed", email });

  const { body: tokens } = await ego("POST", "/auth/login", {
    body: { username: email, password: PASSWORD },
  });
  const authorization = `Bearer ${tokens.access_token}`;
  const user = { first_name: "Test", last_name: "Test", gender: "male", birthday: "2023-07-18" };
  expect((await ego("POST", "/users/create_user", { authorization, body: user })).status).toBe(201);

  const { body: again } = await posts("GET", "/auth/login", { body: { email, password: PASSWORD } });
  const { id } = (
    await posts("GET", `/users/${profile.body.UID}`, { authorization: `Bearer ${again.token}` })
  ).body;
  expect([id, Number(me.body.data.userid)]).toEqual([profile.body.UID, profile.body.UID]);

  const { body: v1 } = await request(target.baseUrl(), "POST", "/v1/login", {
    body: { email, password: PASSWORD },
  });
  const { body: shown } = await request(target.baseUrl(), "GET", "/v1/me", {
    token: String(v1.access_token),
  });
  expect(shown).toMatchObject({ email, display_name: "Renamed", first_name: "Test" });
}

test("who came by user-management has a name in chat-server", async () => {
  const body = { name: "Olga", email: newEmail(), password: PASSWORD };
  const { body: made } = await management("POST", "/auth/register", { body });
  const own = await chat("GET", "/profile", { authorization: made.token });
  expect(own.body.Username).toBe("Olga");
  for (const authorization of [made.token, undefined]) {
    const spoken = authorization === undefined ? {} : { authorization };
    const shown = await chat("GET", `/profile/${own.body.UID}`, spoken);
    expect(shown.body.Username).toBe("Olga");
  }
});

test("null in a body of chat-server says nothing", async () => {
  const { accessToken: authorization } = await signUp(target.baseUrl());
  const room = { Name: uniqueName("r"), IsPrivate: null };
  const { status, body } = await chat("POST", "/create-room", { authorization, body: room });
  expect(status).toBe(201);
  const read = await chat("GET", `/messages/${body.RoomID}`, { authorization, body: { LastID: null } });
  expect(read).toMatchObject({ status: 200, body: expect.any(Array) });
  expect((await chat("PUT", "/join", { authorization, body: { RoomID: null } })).status).toBe(400);
});

const cookieOf = ({ headers }: Heard) => headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

describe("an account made by", () => {
  test.each<[string, (email: string) => Promise<{ status: number }>]>([
    [
      "chat-server",
      (Email) =>
        chat("POST", "/register", { body: { Username: uniqueName("U"), Email, Password: PASSWORD } }),
    ],
    [
      "user-management",
      (email) => management("POST", "/auth/register", { body: { name: "Olga", email, password: PASSWORD } }),
    ],
    [
      "ego",
      (user_email) =>
        ego("POST", "/auth/registration", {
          body: { username: uniqueName("u"), user_email, password: PASSWORD },
        }),
    ],
    ["auth-posts", (email) => posts("POST", "/auth/reg", { body: { email, password: PASSWORD } })],
    [
      "/v1",
      (email) => request(target.baseUrl(), "POST", "/v1/register", { body: { email, password: PASSWORD } }),
    ],
  ])("%s signs in through each of the others, and does there what that offers", async (_name, register) => {
    const email = newEmail();
    expect((await register(email)).status).toBeLessThan(300);
    await usesAll(email);
  });
});

describe("what may not be changed without the password", () => {
  const age = async (email: string) => {
    const sessions = target.veche().broker.getLocalService("v1.session") as unknown as {
      collections: {
        sessions: { find: Find; updateOne: (filter: object, update: object) => Promise<boolean> };
      };
    };
    const { body } = await posts("GET", "/auth/login", { body: { email, password: PASSWORD } });
    const { sid } = JSON.parse(Buffer.from(body.token.split(".")[1], "base64url").toString());
    const created_at = Date.now() - 15 * 60_000;
    await sessions.collections.sessions.updateOne({ _id: sid }, { $set: { created_at } });
    return `Bearer ${body.token}`;
  };
  type Find = (filter: object, options: object) => Promise<object[]>;

  test("stays after a sign-in 15 minutes ago, and goes after a new one", async () => {
    const { email } = await signUp(target.baseUrl(), { password: PASSWORD });
    const authorization = await age(email);
    const refused = [
      await posts("PUT", "/users/", { authorization, body: { email: newEmail() } }),
      await ego("PATCH", "/auth/update_login_data", { authorization, body: { password: "otherpassword" } }),
      await ego("DELETE", "/users/delete_user", { authorization }),
      await posts("DELETE", `/users/${await ownId(authorization)}`, { authorization }),
    ];
    for (const { status, text } of refused) {
      expect([status, text]).toEqual([403, expect.stringContaining("Sign in again")]);
    }
    const { body } = await posts("GET", "/auth/login", { body: { email, password: PASSWORD } });
    const fresh = { authorization: `Bearer ${body.token}` };
    expect((await posts("PUT", "/users/", { ...fresh, body: { email: newEmail() } })).status).toBe(200);
  });

  const ownId = async (authorization: string) =>
    (await ego("GET", "/auth/verify", { authorization })).headers["x-user-id"];
});

describe("shared paths", () => {
  test("POST /auth/login answers by what comes in", async () => {
    const username = uniqueName("u");
    const { email } = await signUp(target.baseUrl(), { username });
    const login = (body: object) => management("POST", "/auth/login", { body });
    const cookied = await login({ email, password: PASSWORD });
    expect(cookied).toMatchObject({ status: 200, body: { success: true, token: expect.any(String) } });
    // `token` beside `success`, as a client of auth-posts looks for it.
    const users = await posts("GET", "/users/", { authorization: `Bearer ${cookied.body.token}` });
    expect(users.status).toBe(200);
    const named = await ego("POST", "/auth/login", { body: { username, password: PASSWORD } });
    expect(named.body).toEqual({
      ...{ access_token: expect.any(String), refresh_token: expect.any(String), access_token_expires: 900 },
    });
    expect(named.headers["set-cookie"]).toBeUndefined();
  });

  test("GET /users/{id} answers by how the caller came", async () => {
    const { email, userId } = await signUp(target.baseUrl());
    const { body, headers } = await management("POST", "/auth/login", {
      body: { email, password: PASSWORD },
    });
    const cookie = String(headers["set-cookie"]).split(";")[0] ?? "";
    const authorization = `Bearer ${body.token}`;
    expect((await management("GET", `/users/${userId}`, { cookie })).body).toMatchObject({ success: true });
    expect((await management("GET", `/api/users/${userId}`, { authorization })).body).toMatchObject({
      success: true,
    });
    expect((await posts("GET", `/users/${Number(userId)}`, { authorization })).body).toEqual({
      ...{ id: Number(userId), email, nickname: null },
    });
  });
});

describe("API_DIALECTS", () => {
  test("a dialect that is off leaves its paths to the others, and is in no document", async () => {
    const veche = await startEmbedded({ API_DIALECTS: "auth-posts" });
    try {
      const some = clientOf({ ...target, baseUrl: () => veche.baseUrl }, "auth-posts");
      const { email, userId, accessToken } = await signUp(veche.baseUrl);
      const login = await some("POST", "/auth/login", { body: { email, password: PASSWORD } });
      expect(login.body).toEqual({ token: expect.any(String) });
      const found = await some("GET", `/users/${Number(userId)}`, {
        authorization: accessToken,
        cookie: `session=${accessToken}`,
      });
      expect(found.body).toMatchObject({ id: Number(userId) });
      for (const path of ["/profile", "/me", "/auth/verify", "/api/me"]) {
        expect((await fetch(`${veche.baseUrl}${path}`)).status).toBe(404);
      }
      const paths = Object.keys((await fetchDocument(veche.baseUrl)).paths);
      expect(paths).toContain("/auth/reg");
      expect(paths).not.toContain("/profile");
      expect((await fetch(`${veche.baseUrl}/openapi.json?dialect=ego`)).status).toBe(404);
    } finally {
      await veche.stop();
    }
  });

  test("none serves /v1 alone", async () => {
    const veche = await startEmbedded({ API_DIALECTS: "none" });
    try {
      expect((await fetch(`${veche.baseUrl}/auth/reg`, { method: "POST" })).status).toBe(404);
      const paths = Object.keys((await fetchDocument(veche.baseUrl)).paths);
      expect(paths.filter((path) => !path.startsWith("/v1/"))).toEqual([]);
    } finally {
      await veche.stop();
    }
  });

  test("each can be had alone in the document", async () => {
    const all = Object.keys((await fetchDocument(target.baseUrl())).paths);
    const alone = Object.keys((await fetchDocument(target.baseUrl(), "chat-server")).paths);
    expect(alone).toHaveLength(11);
    expect(all).toEqual(expect.arrayContaining([...alone, "/v1/login", "/subscription/subscribe"]));
  });
});

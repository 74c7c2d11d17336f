// user-management's document, endpoint by endpoint; the numbers are its lines.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "../../servers/eventually.ts";
import { jpeg, noise } from "../../support/images.ts";
import { clientOf, type Heard, imageForm, newEmail, type Spoken, type Target } from "./target.ts";

const PASSWORD = "correct horse";
const client = (message: unknown = expect.any(String)) => ({
  success: false,
  errors: { type: "Client", message },
});
const said = { success: true, data: { message: expect.any(String) } };

/** What a browser keeps of an answer. */
const cookieOf = ({ headers }: Heard): string => headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

export function userManagementSuite(target: Target): void {
  const say = clientOf(target, "user-management");
  const ann = { email: newEmail(), cookie: "", id: "" };
  const bob = { email: newEmail(), cookie: "", id: "" };

  const register = (more: object = {}, spoken: Spoken = {}) =>
    say("POST", "/auth/register", {
      body: { name: "Olga", email: newEmail(), password: PASSWORD, ...more },
      ...spoken,
    });
  const login = (email: string, password = PASSWORD, spoken: Spoken = {}) =>
    say("POST", "/auth/login", { body: { email, password }, ...spoken });

  beforeAll(async () => {
    for (const user of [ann, bob]) {
      user.cookie = cookieOf(await register({ email: user.email }));
      user.id = (await say("GET", "/me", { cookie: user.cookie })).body.data.userid;
    }
  });

  describe.each(["", "/api"])("accounts under %p", (base) => {
    test("user-management 31: POST /auth/register makes an account and a session of a day", async () => {
      const answer = await say("POST", `${base}/auth/register`, {
        body: { name: "Olga", email: newEmail(), password: PASSWORD },
      });
      expect(answer).toMatchObject({ status: 200, body: { ...said, token: expect.any(String) } });
      const [value, ...attributes] = String(answer.headers["set-cookie"]).split("; ");
      expect(value).toBe(`session=${answer.body.token}`);
      expect(attributes.sort()).toEqual(["HttpOnly", "Max-Age=86400", "Path=/", "SameSite=Strict"]);
      const { iat, exp } = JSON.parse(Buffer.from(answer.body.token.split(".")[1], "base64url").toString());
      expect(exp - iat).toBe(86_400);
    });

    test("user-management 32: POST /auth/login", async () => {
      const answer = await say("POST", `${base}/auth/login`, {
        body: { email: ann.email, password: PASSWORD },
      });
      expect(answer).toMatchObject({ status: 200, body: said });
      const me = await say("GET", `${base}/me`, { cookie: cookieOf(answer) });
      expect(me.body).toEqual({
        success: true,
        data: { userid: ann.id, name: "Olga", email: ann.email, photos: [] },
      });
      const bearer = await say("GET", `${base}/me`, { authorization: `Bearer ${answer.body.token}` });
      expect(bearer.body).toEqual(me.body);
    });

    test("user-management 33: DELETE /users/logout ends the session and takes the cookie away", async () => {
      const cookie = cookieOf(await register());
      const answer = await say("DELETE", `${base}/users/logout`, { cookie });
      expect(answer).toMatchObject({ status: 200, body: said });
      expect(String(answer.headers["set-cookie"])).toMatch(
        /^session=; Path=\/; Max-Age=0; HttpOnly; SameSite=Strict$/,
      );
      // Within a second at every gateway.
      await eventually(async () => (await say("GET", `${base}/me`, { cookie })).status === 401);
      expect((await say("GET", `${base}/me`, { cookie })).body).toEqual(client());
    });

    test.each(["/users/delete", "/users/del"])(
      "user-management 34, 14: DELETE %s takes the password",
      async (path) => {
        const email = newEmail();
        const cookie = cookieOf(await register({ email }));
        const remove = (body: object) => say("DELETE", `${base}${path}`, { cookie, body });
        expect((await remove({})).status).toBe(400);
        expect(await remove({ password: "wrong horse" })).toMatchObject({ status: 400, body: client() });
        const answer = await remove({ password: PASSWORD });
        expect(answer).toMatchObject({ status: 200, body: said });
        expect(String(answer.headers["set-cookie"])).toContain("Max-Age=0");
        expect((await login(email)).status).toBe(401);
      },
    );

    test("user-management 36, 37: GET /me and GET /users/{id}; the email only of oneself", async () => {
      const { body } = await say("GET", `${base}/users/${ann.id}`, { cookie: bob.cookie });
      expect(body).toEqual({ success: true, data: { userid: ann.id, name: "Olga", photos: [] } });
      const get = (id: string) => say("GET", `${base}/users/${id}`, { cookie: bob.cookie });
      expect(await get("1")).toMatchObject({ status: 404, body: client() });
      expect(await get("x")).toMatchObject({ status: 400, body: client() });
      expect((await say("GET", `${base}/me`)).status).toBe(401);
    });
  });

  describe("what is refused", () => {
    test("user-management 124: a malformed request is the client's error, each field named", async () => {
      const { status, body } = await register({ name: "Ol", email: "olga", password: "a".repeat(31) });
      expect({ status, body }).toEqual({
        status: 400,
        body: client(expect.stringMatching(/name: .*email: .*password: /)),
      });
      expect((await say("POST", "/auth/register", { body: "{" })).status).toBe(400);
      expect((await say("POST", "/auth/login", { body: { email: ann.email } })).status).toBe(400);
      expect(await register({ email: ann.email })).toMatchObject({ status: 400, body: client() });
    });

    test("user-management 43: a wrong password, and nobody's", async () => {
      const [wrong, nobody] = [await login(ann.email, "wrong horse"), await login(newEmail())];
      expect(wrong).toMatchObject({ status: 401, body: client() });
      expect(nobody.body).toEqual(wrong.body);
    });

    test("user-management 41: who is signed in does not sign in again", async () => {
      expect(await login(ann.email, PASSWORD, { cookie: ann.cookie })).toMatchObject({
        status: 403,
        body: client(),
      });
      expect((await register({}, { cookie: ann.cookie })).status).toBe(403);
      expect((await login(ann.email, PASSWORD, { cookie: "session=ended" })).status).toBe(200);
    });

    test("user-management 12: a page of another origin does nothing with the cookie, nor gets one", async () => {
      const from = (origin: string): Spoken => ({ headers: { origin } });
      for (const origin of [
        "https://evil.example",
        "null",
        target.baseUrl().replace("127.0.0.1", "localhost"),
      ]) {
        for (const answer of [
          await say("DELETE", "/users/logout", { cookie: ann.cookie, ...from(origin) }),
          await login(bob.email, PASSWORD, from(origin)),
        ]) {
          expect(answer).toMatchObject({ status: 403, body: client() });
          expect(answer.headers["set-cookie"]).toBeUndefined();
        }
      }
      expect((await say("GET", "/me", { cookie: ann.cookie })).status).toBe(200);
      expect((await login(bob.email, PASSWORD, from(target.baseUrl()))).status).toBe(200);
    });
  });

  describe("changes", () => {
    const change = (type: string, body: object, cookie = bob.cookie) =>
      say("PATCH", `/me/update?update_type=${type}`, { cookie, body });

    test("user-management 35: the name", async () => {
      expect(await change("name", { name: "Bohdan" })).toMatchObject({ status: 200, body: said });
      expect((await say("GET", "/me", { cookie: bob.cookie })).body.data.name).toBe("Bohdan");
    });

    test("user-management 35: the email, with the password", async () => {
      const email = newEmail();
      expect((await change("email", { email, last_password: "wrong horse" })).status).toBe(400);
      expect((await change("email", { email: ann.email, last_password: PASSWORD })).status).toBe(400);
      expect(await change("email", { email, last_password: PASSWORD })).toMatchObject({
        status: 200,
        body: said,
      });
      bob.email = email;
      expect((await login(email)).status).toBe(200);
    });

    test("user-management 35: the password, which ends the other sessions", async () => {
      const elsewhere = cookieOf(await login(bob.email));
      const new_password = "battery staple";
      expect((await change("password", { last_password: "wrong horse", new_password })).status).toBe(400);
      expect((await change("password", { last_password: PASSWORD, new_password })).status).toBe(200);
      await eventually(async () => (await say("GET", "/me", { cookie: elsewhere })).status === 401);
      expect((await say("GET", "/me", { cookie: bob.cookie })).status).toBe(200);
      expect((await change("password", { last_password: new_password, new_password: PASSWORD })).status).toBe(
        200,
      );
    });

    test.each<[string, object]>([
      ["name", {}],
      ["name", { name: "Bo" }],
      ["name", { name: "Bohdan", new_password: PASSWORD }],
      ["name", { email: "a@example.com", last_password: PASSWORD }],
      ["email", { email: "a@example.com" }],
      ["email", { last_password: PASSWORD }],
      ["password", { new_password: "battery staple" }],
      ["password", { last_password: PASSWORD, new_password: "short" }],
      ["password", { last_password: PASSWORD, new_password: "battery staple", name: "Bohdan" }],
      ["photo", { name: "Bohdan" }],
      ["", { name: "Bohdan" }],
    ])("user-management 35: update_type=%s with %j is another mix", async (type, body) => {
      expect(await change(type, body)).toMatchObject({ status: 400, body: client() });
    });
  });

  describe("photos", () => {
    const upload = async (image: Buffer, type = "image/jpeg", field = "photo") =>
      say("POST", "/me/photos", { cookie: ann.cookie, body: imageForm(field, image, type) });

    test("user-management 88, 90, 91, 89: loaded, got, listed and deleted", async () => {
      const loaded = [
        await upload(await jpeg()),
        await upload(await noise(20, 20).png().toBuffer(), "image/png"),
      ];
      for (const { status, body } of loaded) {
        expect({ status, body }).toEqual({
          status: 200,
          body: { success: true, data: { photoid: expect.any(String) } },
        });
      }
      const [first = "", second = ""] = loaded.map(({ body }) => body.data.photoid);
      const photo = (photo_id: string) => ({
        photo_id,
        url: expect.any(String),
        created_at: expect.any(String),
      });
      const get = (path: string, cookie = ann.cookie) => say("GET", path, { cookie });

      expect((await get("/me/photos")).body).toEqual({
        success: true,
        data: { photos: [photo(second), photo(first)] },
      });
      const one = await get(`/me/photos/${first}`);
      expect(one.body).toEqual({ success: true, data: { photo: photo(first) } });
      expect((await get(`/users/${ann.id}/photos/${first}`, bob.cookie)).body.data.photo).toEqual(
        photo(first),
      );
      expect((await get(`/api/users/${ann.id}`, bob.cookie)).body.data.photos).toEqual([
        photo(second),
        photo(first),
      ]);
      const { url } = one.body.data.photo;
      const bytes = await fetch(new URL(url, target.baseUrl()));
      expect([bytes.status, bytes.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
      await bytes.body?.cancel();

      expect((await get(`/me/photos/${first}`, bob.cookie)).status).toBe(404);
      expect((await get(`/users/${bob.id}/photos/${first}`)).status).toBe(404);
      const remove = (cookie: string) => say("DELETE", `/me/photos/${first}`, { cookie });
      expect(await remove(bob.cookie)).toMatchObject({ status: 403, body: client() });
      expect(await remove(ann.cookie)).toMatchObject({ status: 200, body: said });
      expect(await remove(ann.cookie)).toMatchObject({ status: 404, body: client() });
      expect((await get("/me")).body.data.photos).toEqual([photo(second)]);
    });

    test("user-management 16: JPEG and PNG, and nothing else", async () => {
      const others = [
        [Buffer.from("hello, I am a photo"), "image/jpeg"],
        [await noise(8, 8).gif().toBuffer(), "image/gif"],
        [await noise(8, 8).webp().toBuffer(), "image/png"],
        [Buffer.alloc(0), "image/jpeg"],
      ] as const;
      for (const [image, type] of others) {
        expect(await upload(image, type)).toMatchObject({ status: 400, body: client() });
      }
      expect((await upload(await jpeg(), "image/jpeg", "picture")).status).toBe(400);
      expect((await say("POST", "/me/photos", { cookie: ann.cookie, body: { photo: "x" } })).status).toBe(
        415,
      );
      expect((await say("POST", "/me/photos", { body: imageForm("photo", await jpeg()) })).status).toBe(401);
      expect((await say("GET", "/me/photos/x", { cookie: ann.cookie })).status).toBe(400);
      expect((await say("GET", "/me/photos/1", { cookie: ann.cookie })).status).toBe(404);
    });
  });
}

// auth-posts' document: its accounts and users, endpoint by endpoint; the numbers are its lines.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "../../servers/eventually.ts";
import { clientOf, newEmail, type Target } from "./target.ts";

const PASSWORD = "correct horse";
const refused = { error: expect.any(String) };

export function authPostsSuite(target: Target): void {
  const say = clientOf(target, "auth-posts");
  const newUser = () => ({ email: newEmail(), token: "", id: 0 });
  const [ann, bob, admin] = [newUser(), newUser(), newUser()];
  const as = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
  const login = (email: string, password = PASSWORD) =>
    say("GET", "/auth/login", { body: { email, password } });

  beforeAll(async () => {
    for (const user of [ann, bob, admin]) {
      user.token = (
        await say("POST", "/auth/reg", { body: { email: user.email, password: PASSWORD } })
      ).body.token;
      const list = await say("GET", "/users/", as(user));
      user.id = list.body.at(-1).id;
    }
    await target.makeAdmin(admin.email);
    admin.token = (await login(admin.email)).body.token;
  });

  describe("signing in", () => {
    test("auth-posts 4, 12: POST /auth/reg answers a token", async () => {
      const { status, body } = await say("POST", "/auth/reg", {
        body: { email: newEmail(), password: PASSWORD, name: "John", age: 40 },
      });
      expect({ status, body }).toEqual({ status: 200, body: { token: expect.any(String) } });
      const { iat, exp } = JSON.parse(Buffer.from(body.token.split(".")[1], "base64url").toString());
      expect(exp - iat).toBe(86_400);
    });

    test("auth-posts 10: a malformed request is 400", async () => {
      for (const body of ["", "{", "[]", { email: "john" }, { email: newEmail(), password: "short" }]) {
        expect(await say("POST", "/auth/reg", { body })).toMatchObject({ status: 400, body: refused });
      }
    });

    test("auth-posts 11: an email that is taken is the client's fault, and so no 500", async () => {
      const body = { email: ann.email, password: PASSWORD };
      expect(await say("POST", "/auth/reg", { body })).toMatchObject({ status: 409, body: refused });
    });

    test("auth-posts 14, 22: GET /auth/login, with a body", async () => {
      expect(await login(ann.email)).toMatchObject({ status: 200, body: { token: expect.any(String) } });
      expect((await say("GET", "/users/", as({ token: (await login(ann.email)).body.token }))).status).toBe(
        200,
      );
    });

    test("auth-posts 20: wrong credentials are 401, and so is a request that is none", async () => {
      expect(await login(ann.email, "wrong horse")).toMatchObject({ status: 401, body: refused });
      expect(await login(newEmail())).toMatchObject({ status: 401, body: refused });
      for (const body of ["{", "[]", {}, { email: "john" }, undefined]) {
        expect(await say("GET", "/auth/login", body === undefined ? {} : { body })).toMatchObject({
          status: 401,
          body: refused,
        });
      }
    });
  });

  describe("users", () => {
    test("auth-posts 24, 28: GET /users/ shows emails to an administrator alone", async () => {
      const mine = await say("GET", "/users/", as(ann));
      expect(mine.status).toBe(200);
      expect(mine.body).toContainEqual({ id: bob.id, nickname: null });
      expect(mine.text).not.toContain("@");
      const theirs = await say("GET", "/users/", as(admin));
      expect(theirs.body).toContainEqual({ id: bob.id, nickname: null, email: bob.email });
      expect((await say("GET", "/users/")).status).toBe(401);
    });

    test("auth-posts 31, 36: POST /users/ is for administrators", async () => {
      const body = { email: newEmail(), password: PASSWORD };
      expect(await say("POST", "/users/", { ...as(ann), body })).toMatchObject({
        status: 403,
        body: refused,
      });
      expect((await say("POST", "/users/", { body })).status).toBe(401);
      const made = await say("POST", "/users/", { ...as(admin), body });
      expect(made).toMatchObject({ status: 200, body: { id: expect.any(Number), email: body.email } });
      expect((await login(body.email)).status).toBe(200);
      expect((await say("POST", "/users/", { ...as(admin), body })).status).toBe(409);
    });

    test("auth-posts 37: a malformed request is 400", async () => {
      for (const body of ["{", {}, { email: "x", password: PASSWORD }]) {
        expect(await say("POST", "/users/", { ...as(admin), body })).toMatchObject({
          status: 400,
          body: refused,
        });
      }
    });

    test("auth-posts 40, 45: GET /users/:id, the email of oneself or as an administrator", async () => {
      const get = (user: typeof ann) => say("GET", `/users/${ann.id}`, as(user));
      expect(await get(ann)).toMatchObject({ status: 200, body: { id: ann.id, email: ann.email } });
      expect((await get(bob)).body).toEqual({ id: ann.id, nickname: null });
      expect((await get(admin)).body).toEqual({ id: ann.id, nickname: null, email: ann.email });
    });

    test("auth-posts 46: an id that is no number is 400, of nobody 404", async () => {
      expect(await say("GET", "/users/abc", as(ann))).toMatchObject({ status: 400, body: refused });
      expect(await say("GET", "/users/1", as(ann))).toMatchObject({ status: 404, body: refused });
    });

    test("auth-posts 49, 54: PUT /users/ changes oneself, an administrator anybody", async () => {
      const put = (user: typeof ann, body: object | string) => say("PUT", "/users/", { ...as(user), body });
      const email = newEmail();
      expect(await put(bob, { email })).toMatchObject({ status: 200, body: { id: bob.id, email } });
      expect((await put(bob, { id: ann.id, email: newEmail() })).status).toBe(403);
      expect((await put(bob, { email: ann.email })).status).toBe(409);
      bob.email = newEmail();
      expect((await put(admin, { id: bob.id, email: bob.email })).body).toEqual({
        id: bob.id,
        email: bob.email,
      });
      expect((await put(admin, { id: 1, email: newEmail() })).status).toBe(404);
      // A new password by another ends all sessions.
      expect((await put(admin, { id: bob.id, password: "battery staple" })).status).toBe(200);
      await eventually(async () => (await say("GET", "/users/", as(bob))).status === 401);
      bob.token = (await login(bob.email, "battery staple")).body.token;
      expect(await put(bob, { id: bob.id, password: PASSWORD })).toMatchObject({ status: 200 });
    });

    test("auth-posts 55: a malformed request is 400", async () => {
      for (const body of ["{", {}, { email: "x" }, { id: "me", email: newEmail() }]) {
        expect(await say("PUT", "/users/", { ...as(ann), body })).toMatchObject({
          status: 400,
          body: refused,
        });
      }
    });

    test("auth-posts 58, 63: DELETE /users/:id, oneself or as an administrator", async () => {
      const remove = (id: number | string, user: typeof ann) => say("DELETE", `/users/${id}`, as(user));
      expect(await remove(ann.id, bob)).toMatchObject({ status: 403, body: refused });
      expect(await remove("abc", bob)).toMatchObject({ status: 400, body: refused });
      expect(await remove(1, admin)).toMatchObject({ status: 404, body: refused });
      expect((await say("DELETE", `/users/${ann.id}`)).status).toBe(401);
      expect(await remove(bob.id, bob)).toMatchObject({ status: 200, body: { id: bob.id } });
      expect(await remove(ann.id, admin)).toMatchObject({ status: 200, body: { id: ann.id } });
      for (const { email } of [ann, bob]) expect((await login(email)).status).toBe(401);
    });
  });
}

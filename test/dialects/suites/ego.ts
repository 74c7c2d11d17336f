// ego's document, and what its system served besides: accounts, users and avatars. The numbers are its lines.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { request, uniqueName } from "../../support/http.ts";
import { jpeg, noise } from "../../support/images.ts";
import { clientOf, imageForm, newEmail, type Target } from "./target.ts";

const PASSWORD = "testpassword";
const JSON_HEADERS = { accept: "application/json", "content-type": "application/json" };
const refused = { message: expect.any(String), data: null };
const malformed = (...fields: string[]) => ({
  detail: fields.map((field) => ({
    loc: ["body", field],
    msg: expect.any(String),
    type: expect.any(String),
  })),
});

export function egoSuite(target: Target): void {
  const say = clientOf(target, "ego");
  const newUser = () => ({ username: uniqueName("ego"), email: newEmail(), access: "", refresh: "", id: 0 });
  const [ann, bob] = [newUser(), newUser()];
  const as = ({ access }: { access: string }) => ({ authorization: `Bearer ${access}` });

  const register = ({ username, email }: { username: string; email: string }) =>
    say("POST", "/auth/registration", {
      headers: JSON_HEADERS,
      body: `{
  "username": "${username}",
  "password": "${PASSWORD}",
  "user_email": "${email}"
}`,
    });
  const login = (username: string, password = PASSWORD) =>
    say("POST", "/auth/login", { headers: JSON_HEADERS, body: { username, password } });
  const tokens = {
    ...{ access_token: expect.any(String), refresh_token: expect.any(String) },
    access_token_expires: expect.any(Number),
  };

  beforeAll(async () => {
    for (const user of [ann, bob]) {
      const { body } = await register(user);
      Object.assign(user, { access: body.access_token, refresh: body.refresh_token });
      user.id = Number((await say("GET", "/auth/verify", as(user))).headers["x-user-id"]);
    }
  });

  describe("accounts", () => {
    test("ego 69: POST auth/registration answers tokens", async () => {
      const { status, body } = await register(newUser());
      expect({ status, body }).toEqual({ status: 201, body: tokens });
      expect(body.access_token_expires).toBe(900);
    });

    test("ego 65: a username or an email that is taken is 409", async () => {
      expect(await register({ ...newUser(), username: ann.username })).toMatchObject({
        status: 409,
        body: refused,
      });
      expect(await register({ ...newUser(), email: ann.email })).toMatchObject({
        status: 409,
        body: refused,
      });
    });

    test("ego 69: what is malformed is 422, field by field", async () => {
      const { status, body } = await say("POST", "/auth/registration", {
        body: { username: "te", password: "short" },
      });
      expect({ status, body }).toEqual({
        status: 422,
        body: malformed("username", "password", "user_email"),
      });
      expect(await say("POST", "/auth/registration", { body: "{" })).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ["body"] }] },
      });
      const long = { username: uniqueName("e"), password: "a".repeat(33), user_email: newEmail() };
      expect((await say("POST", "/auth/registration", { body: long })).body).toEqual(malformed("password"));
    });

    test("ego 13: POST auth/login, by username or email; what is not correct is 404", async () => {
      for (const name of [ann.username, ann.email]) {
        expect(await login(name)).toMatchObject({ status: 200, body: tokens });
      }
      const [wrong, nobody] = [await login(ann.username, "wrongpassword"), await login(uniqueName("e"))];
      expect(wrong).toMatchObject({ status: 404, body: refused });
      expect([nobody.status, nobody.body]).toEqual([404, wrong.body]);
    });

    test("ego 9: GET auth/verify tells a proxy who it is, in X-User-ID", async () => {
      const { status, headers, body } = await say("GET", "/auth/verify", as(ann));
      expect({ status, body }).toEqual({ status: 200, body: { verify_status: "Done" } });
      expect(headers["x-user-id"]).toBe(String(ann.id));
      for (const spoken of [{}, { authorization: "Bearer <JWT Token>" }]) {
        const answer = await say("GET", "/auth/verify", spoken);
        expect(answer).toMatchObject({ status: 401, body: refused });
        expect(answer.headers["x-user-id"]).toBeUndefined();
      }
    });

    test("ego 13: GET auth/refresh gives new access, again and again, by the same refresh token", async () => {
      for (const _ of [1, 2, 3]) {
        const { status, body } = await say("GET", "/auth/refresh", {
          authorization: `Bearer ${ann.refresh}`,
        });
        expect({ status, body }).toEqual({ status: 200, body: { access_token: expect.any(String) } });
        expect((await say("GET", "/auth/verify", as({ access: body.access_token }))).status).toBe(200);
      }
    });

    test("ego 13: tokens of another kind, or opened elsewhere, are 401; and this one is of no use elsewhere", async () => {
      const { body: elsewhere } = await request<{ refresh_token: string }>(
        target.baseUrl(),
        "POST",
        "/v1/login",
        {
          body: { email: ann.email, password: PASSWORD },
        },
      );
      const parts = ann.refresh.split(".");
      const forged = `${parts[0]}.${parts[1]}.${"A".repeat(43)}`;
      for (const token of [ann.access, elsewhere.refresh_token, forged, "garbage", ""]) {
        const answer = await say("GET", "/auth/refresh", { authorization: `Bearer ${token}` });
        expect(answer).toMatchObject({ status: 401, body: refused });
      }
      expect((await say("GET", "/auth/refresh")).status).toBe(401);
      const body = { refresh_token: ann.refresh };
      expect((await request(target.baseUrl(), "POST", "/v1/refresh", { body })).status).toBe(401);
      // Neither try has ended the session.
      expect((await say("GET", "/auth/refresh", { authorization: ann.refresh })).status).toBe(200);
    });

    test("ego 13: PATCH auth/update_login_data", async () => {
      const user = newUser();
      const { body: signedIn } = await register(user);
      const change = (body: object) =>
        say("PATCH", "/auth/update_login_data", { ...as({ access: signedIn.access_token }), body });
      const email = newEmail();
      expect(await change({ user_email: email, password: "otherpassword" })).toMatchObject({
        status: 200,
        body: { username: user.username },
      });
      expect((await login(email, "otherpassword")).status).toBe(200);
      expect((await login(user.username)).status).toBe(404);
      expect(await change({ user_email: ann.email })).toMatchObject({ status: 409, body: refused });
      expect((await change({})).status).toBe(422);
      expect((await change({ password: "short" })).body).toEqual(malformed("password"));
      expect((await say("PATCH", "/auth/update_login_data", { body: { password: PASSWORD } })).status).toBe(
        401,
      );
    });
  });

  describe("users", () => {
    const info = (id: number, user = ann) => say("GET", `/users/info?user_id=${id}`, as(user));
    const body = `{
  "first_name": "Test",
  "last_name": "Test",
  "gender": "male",
  "birthday": "2023-07-18"
}`;
    const shown = {
      ...{ first_name: "Test", last_name: "Test", gender: "male", birthday: "2023-07-18", avatar_path: null },
      ...{ count_of_subscriptions: 0, count_of_subscribers: 0, deleted: false },
    };

    test("ego 84: POST users/create_user, once", async () => {
      const create = () => say("POST", "/users/create_user", { ...as(ann), headers: JSON_HEADERS, body });
      const { status, body: user } = await create();
      expect({ status, user }).toEqual({ status: 201, user: { user_id: ann.id, ...shown } });
      expect((await info(ann.id, bob)).body).toEqual(user);
      expect(await create()).toMatchObject({ status: 409, body: refused });
    });

    test("ego 88: a birthday in the future is 400, one that is none 422, and so what else is malformed", async () => {
      const create = (more: object) =>
        say("POST", "/users/create_user", { ...as(bob), body: { ...JSON.parse(body), ...more } });
      expect(await create({ birthday: "2999-01-01" })).toMatchObject({ status: 400, body: refused });
      expect(await create({ birthday: "18.07.2023" })).toMatchObject({
        status: 422,
        body: malformed("birthday"),
      });
      expect((await create({ gender: "other", first_name: "" })).body).toEqual(
        malformed("first_name", "gender"),
      );
      expect((await say("POST", "/users/create_user", { body })).status).toBe(401);
    });

    test("ego 15: PATCH users/update_user_info changes what is given", async () => {
      const change = (more: object) => say("PATCH", "/users/update_user_info", { ...as(ann), body: more });
      expect(await change({ first_name: "Anna" })).toMatchObject({
        status: 200,
        body: { first_name: "Anna", last_name: "Test" },
      });
      expect((await change({ birthday: "2999-01-01" })).status).toBe(400);
      expect((await change({})).status).toBe(422);
      expect((await change({ gender: 1 })).status).toBe(422);
    });

    test("ego 9: GET users/info; nobody is 404", async () => {
      expect((await info(bob.id)).body).toMatchObject({ user_id: bob.id, first_name: "", gender: null });
      expect(await info(1)).toMatchObject({ status: 404, body: refused });
      expect(await say("GET", "/users/info?user_id=me", as(ann))).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ["query", "user_id"] }] },
      });
      expect((await say("GET", "/users/info", as(ann))).status).toBe(422);
      expect((await say("GET", `/users/info?user_id=${ann.id}`)).status).toBe(401);
    });

    test("ego 15: DELETE users/delete_user", async () => {
      const user = newUser();
      const { body: signedIn } = await register(user);
      const { headers } = await say("GET", "/auth/verify", as({ access: signedIn.access_token }));
      const answer = await say("DELETE", "/users/delete_user", as({ access: signedIn.access_token }));
      expect(answer).toMatchObject({
        status: 200,
        body: { user_id: Number(headers["x-user-id"]), first_name: "", last_name: "", deleted: true },
      });
      expect((await login(user.username)).status).toBe(404);
    });

    test("ego 15: avatars are set and deleted", async () => {
      const set = (image: Buffer, type = "image/jpeg", field = "avatar_data") =>
        say("POST", "/avatars/set_avatar", { ...as(ann), body: imageForm(field, image, type) });
      const remove = () => say("DELETE", "/avatars/delete_avatar", as(ann));
      expect(await remove()).toMatchObject({ status: 404, body: refused });
      const { status, body: avatar } = await set(await jpeg());
      expect({ status, avatar }).toEqual({
        status: 201,
        avatar: { avatar_id: expect.any(String), avatar_type: "jpeg", avatar_user_id: ann.id },
      });
      const png = await set(await noise(9, 9).png().toBuffer(), "image/png");
      expect(png.body.avatar_type).toBe("png");
      const { avatar_path } = (await info(ann.id, bob)).body;
      const bytes = await fetch(new URL(avatar_path, target.baseUrl()));
      expect(bytes.status).toBe(200);
      await bytes.body?.cancel();
      for (const image of [await noise(9, 9).webp().toBuffer(), Buffer.from("no image at all")]) {
        expect(await set(image)).toMatchObject({ status: 400, body: refused });
      }
      expect((await set(await jpeg(), "image/jpeg", "avatar")).status).toBe(400);
      expect(await remove()).toMatchObject({ status: 200, body: { avatar_id: png.body.avatar_id } });
      expect((await info(ann.id)).body.avatar_path).toBeNull();
    });
  });
}

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { clientOf, signUp, uniqueName } from "./support/http.ts";

let veche: Embedded;
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: "200", REFRESH_GRACE_S: "1" });
});
afterAll(() => veche.stop());

const api = clientOf(() => veche.baseUrl);

describe("the account", () => {
  test("changes its email and password with the password, and its username without", async () => {
    const ann = await signUp(veche.baseUrl);
    const other = await api<Record<string, string>>("POST", "/v1/login", undefined, {
      email: ann.email,
      password: ann.password,
    });
    const email = `${uniqueName()}@example.com`;
    expect((await api("PATCH", "/v1/account", ann, { email })).status).toBe(400);
    expect((await api("PATCH", "/v1/account", ann, { email, password: "wrong horse" })).status).toBe(401);
    const username = uniqueName("Name");
    expect((await api("PATCH", "/v1/account", ann, { username })).status).toBe(200);
    const changed = await api("PATCH", "/v1/account", ann, {
      email,
      password: ann.password,
      new_password: "battery staple",
    });
    expect(changed).toMatchObject({ status: 200, body: { email, username } });
    expect((await api("GET", "/v1/me", ann)).body).toMatchObject({ email, username });

    // The other sessions have ended, the old email is free, and only the new names and password sign in.
    await eventually(async () => (await api("GET", "/v1/me", other.body.access_token)).status === 401);
    const login = (name: object, password: string) =>
      api("POST", "/v1/login", undefined, { ...name, password });
    expect((await login({ email }, ann.password)).status).toBe(401);
    expect((await login({ email: ann.email }, "battery staple")).status).toBe(401);
    expect((await login({ username }, "battery staple")).status).toBe(200);
    const body = { email: ann.email, password: "correct horse" };
    expect((await api("POST", "/v1/register", undefined, body)).status).toBe(201);
  });

  test("a taken name changes nothing, not even what else was asked for", async () => {
    const [ann, bob] = [
      await signUp(veche.baseUrl),
      await signUp(veche.baseUrl, { username: uniqueName("Bob") }),
    ];
    const { body: bobs } = await api("GET", "/v1/me", bob);
    const email = `${uniqueName()}@example.com`;
    const refused = await api("PATCH", "/v1/account", ann, {
      email,
      username: bobs.username,
      password: ann.password,
    });
    expect(refused.status).toBe(409);
    expect((await api("GET", "/v1/me", ann)).body).toMatchObject({ email: ann.email, username: null });
  });

  test("changes of its names at once are made or refused, never failed", async () => {
    const ann = await signUp(veche.baseUrl);
    const change = () => api("PATCH", "/v1/account", ann, { username: uniqueName("Name") });
    const answers = await Promise.all(Array.from({ length: 6 }, change));
    for (const { status } of answers) expect([200, 412]).toContain(status);
    expect(answers.map(({ status }) => status)).toContain(200);
    expect((await change()).status).toBe(200);
  });

  test("strangers who guess its password don't lock out who is signed in", async () => {
    const ann = await signUp(veche.baseUrl);
    const guess = () => api("POST", "/v1/login", undefined, { email: ann.email, password: "wrong horse" });
    await Promise.all(Array.from({ length: 30 }, guess));
    expect((await guess()).status).toBe(429);
    expect((await api("DELETE", "/v1/account", ann, { password: ann.password })).status).toBe(202);
  });

  test("is deleted once, however often that is asked at once", async () => {
    const ann = await signUp(veche.baseUrl);
    const ask = () => api("DELETE", "/v1/account", ann, { password: ann.password });
    const answers = await Promise.all(Array.from({ length: 5 }, ask));
    // 401 for who comes when the session has ended already, 404 when the account has.
    for (const { status } of answers) expect([202, 401, 404]).toContain(status);
    expect(answers.map(({ status }) => status)).toContain(202);
  });

  test("is deleted with all that it had, and its email can be used again", async () => {
    const nickname = uniqueName("n");
    const ann = await signUp(veche.baseUrl, { nickname });
    const bob = await signUp(veche.baseUrl);
    expect((await api("DELETE", "/v1/account", ann, { password: "wrong horse" })).status).toBe(401);
    expect((await api("DELETE", "/v1/account", ann, { password: ann.password })).status).toBe(202);
    expect(
      (await api("POST", "/v1/login", undefined, { email: ann.email, password: ann.password })).status,
    ).toBe(401);
    await eventually(async () => (await api("GET", "/v1/me", ann)).status === 401);
    await eventually(async () => (await api("GET", `/v1/profile/${ann.userId}`, bob)).status === 404);
    expect((await api("GET", `/v1/profile/by-nickname/${nickname}`, bob)).status).toBe(404);
    await eventually(async () => {
      const again = await api("POST", "/v1/register", undefined, {
        email: ann.email,
        password: "correct horse",
        nickname,
      });
      return again.status === 201;
    });
  });
});

describe("profiles", () => {
  test("the first nickname is made once, and changes are seen at once", async () => {
    const ann = await signUp(veche.baseUrl);
    const nickname = uniqueName("n");
    expect((await api("GET", "/v1/me", ann)).body).toMatchObject({ nickname: null });
    expect(
      await api("POST", "/v1/profile", ann, { nickname, bio: "hello", birthday: "1990-01-31" }),
    ).toMatchObject({
      status: 201,
      body: { nickname, bio: "hello", birthday: "1990-01-31" },
    });
    expect((await api("GET", "/v1/me", ann)).body).toMatchObject({ nickname, bio: "hello" });
    expect((await api("POST", "/v1/profile", ann, { nickname: uniqueName("n") })).status).toBe(409);

    const renamed = uniqueName("n");
    expect((await api("PATCH", "/v1/profile", ann, { nickname: renamed, bio: null })).status).toBe(200);
    expect((await api("GET", `/v1/profile/${ann.userId}`, ann)).body).toMatchObject({
      nickname: renamed,
      bio: null,
    });
    expect((await api("GET", `/v1/profile/by-nickname/${nickname}`, ann)).status).toBe(404);
    expect((await api("GET", `/v1/profile/by-nickname/${renamed}`, ann)).status).toBe(200);
    // What was let go is free for another.
    await signUp(veche.baseUrl, { nickname });
  });

  test("two requests at once for one first nickname: one makes it", async () => {
    for (let round = 0; round < 10; round += 1) {
      const ann = await signUp(veche.baseUrl);
      const nickname = uniqueName("n");
      const make = () => api("POST", "/v1/profile", ann, { nickname });
      const statuses = (await Promise.all([make(), make()])).map(({ status }) => status);
      expect(statuses).toContain(201);
      for (const status of statuses) expect([201, 409, 412]).toContain(status);
      expect((await api("GET", "/v1/me", ann)).body).toMatchObject({ nickname });
    }
  });

  test("an id without its leading zeros is the same id, and changes reach it too", async () => {
    const ann = await signUp(veche.baseUrl);
    const short = `/v1/profile/${Number(ann.userId)}`;
    expect((await api("GET", short, ann)).body).toMatchObject({ id: ann.userId, bio: null });
    await api("PATCH", "/v1/profile", ann, { bio: "changed" });
    expect((await api("GET", short, ann)).body).toMatchObject({ bio: "changed" });
  });

  test("nobody else sees the email", async () => {
    const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
    const { body } = await api("GET", `/v1/profile/${ann.userId}`, bob);
    expect(body).toMatchObject({ id: ann.userId });
    expect(JSON.stringify(body)).not.toContain(ann.email);
  });

  test("a cached answer asks for the same rights", async () => {
    const ann = await signUp(veche.baseUrl);
    await api("GET", `/v1/profile/${ann.userId}`, ann);
    await expect(veche.broker.call("v1.users.getProfileById", { id: ann.userId })).rejects.toMatchObject({
      type: "UNAUTHENTICATED",
    });
  });

  test("search goes by the start of the nickname, page by page", async () => {
    const start = uniqueName("s").slice(0, 14);
    const ann = await signUp(veche.baseUrl);
    for (const end of ["c", "a", "b"]) await signUp(veche.baseUrl, { nickname: `${start}${end}` });
    const pages: unknown[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body }: { body: { results: { nickname: string }[]; next_cursor: string | null } } = await api(
        "GET",
        `/v1/users/search?query=${start.toUpperCase()}&limit=2${cursor && `&cursor=${cursor}`}`,
        ann,
      );
      pages.push(body.results.map(({ nickname }) => nickname));
      cursor = body.next_cursor;
    }
    expect(pages).toEqual([[`${start}a`, `${start}b`], [`${start}c`]]);
  });
});

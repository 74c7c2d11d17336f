import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { clientOf, request, signUp, uniqueName } from "./support/http.ts";

let veche: Embedded;
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: "200", REFRESH_GRACE_S: "1" });
});
afterAll(() => veche.stop());

const api = clientOf(() => veche.baseUrl);

describe("registration", () => {
  test("answers tokens that work at once, and makes a profile", async () => {
    const nickname = uniqueName("n");
    const ann = await signUp(veche.baseUrl, { nickname, username: `Ann_${nickname}` });
    const me = await api("GET", "/v1/me", ann);
    expect(me).toMatchObject({
      status: 200,
      body: { id: ann.userId, nickname, email: ann.email, username: `Ann_${nickname}`, role: "user" },
    });
  });

  test("an email is taken whatever its case, and the second one changes nothing", async () => {
    const ann = await signUp(veche.baseUrl);
    const nickname = uniqueName("n");
    const second = await api("POST", "/v1/register", undefined, {
      email: ann.email.toUpperCase(),
      password: "another one",
      nickname,
    });
    expect(second).toMatchObject({
      status: 409,
      body: { code: "ALREADY_EXISTS", errors: [{ path: "email" }] },
    });
    await signUp(veche.baseUrl, { nickname });
  });

  test("a username is taken whatever its case", async () => {
    const username = uniqueName("Name");
    await signUp(veche.baseUrl, { username });
    const email = `${uniqueName()}@example.com`;
    const second = await api("POST", "/v1/register", undefined, {
      email,
      password: "correct horse",
      username: username.toLowerCase(),
    });
    expect(second.status).toBe(409);
    // Nothing of the refused one stays.
    expect((await api("POST", "/v1/register", undefined, { email, password: "correct horse" })).status).toBe(
      201,
    );
  });

  test("a nickname that is taken leaves no account behind", async () => {
    const nickname = uniqueName("n");
    await signUp(veche.baseUrl, { nickname });
    const email = `${uniqueName()}@example.com`;
    const body = { email, password: "correct horse", nickname };
    expect(await api("POST", "/v1/register", undefined, body)).toMatchObject({
      status: 409,
      body: { errors: [{ path: "nickname" }] },
    });
    expect((await api("POST", "/v1/login", undefined, { email, password: "correct horse" })).status).toBe(
      401,
    );
    expect(
      (await api("POST", "/v1/register", undefined, { ...body, nickname: uniqueName("n") })).status,
    ).toBe(201);
  });

  test("of ten at once for one email, exactly one wins", async () => {
    const body = { email: `${uniqueName()}@example.com`, password: "correct horse" };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api("POST", "/v1/register", undefined, body)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });

  test.each([
    [{}, ["email", "password"]],
    [{ email: "x", password: "correct horse" }, ["email"]],
    [{ email: "a@example.com", password: "short" }, ["password"]],
    [{ email: { $gt: "" }, password: "correct horse" }, ["email"]],
    [{ email: "a@example.com", password: "correct horse", role: "admin" }, ["role"]],
    [{ email: "a@example.com", password: "correct horse", nickname: "No" }, ["nickname"]],
  ])("%j is refused by field", async (body, fields) => {
    const answer = await api<{ errors: { path: string }[] }>("POST", "/v1/register", undefined, body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body.errors.map(({ path }) => path)).toEqual(fields);
  });
});

describe("signing in", () => {
  test("with email or username, whatever the case", async () => {
    const username = uniqueName("Name");
    const ann = await signUp(veche.baseUrl, { username });
    const { password } = ann;
    for (const name of [
      { email: ann.email.toUpperCase() },
      { username: username.toUpperCase() },
      { username: ann.email },
    ]) {
      expect(await api("POST", "/v1/login", undefined, { ...name, password })).toMatchObject({
        status: 200,
        body: { user_id: ann.userId },
      });
    }
  });

  test("a wrong password and an unknown email answer alike", async () => {
    const ann = await signUp(veche.baseUrl);
    const wrong = await api("POST", "/v1/login", undefined, { email: ann.email, password: "wrong horse" });
    const unknown = await api("POST", "/v1/login", undefined, {
      email: `x${ann.email}`,
      password: "wrong horse",
    });
    expect(wrong.status).toBe(401);
    const { request_id: _, ...said } = wrong.body;
    expect(unknown).toMatchObject({ status: 401, body: said });
  });

  test("guessing is slowed down, also many guesses at once, and a right password waits too", async () => {
    const ann = await signUp(veche.baseUrl);
    const guess = () => api("POST", "/v1/login", undefined, { email: ann.email, password: "wrong horse" });
    const answers = await Promise.all(Array.from({ length: 40 }, guess));
    const looked = answers.filter(({ status }) => status === 401);
    expect(looked.length).toBeLessThanOrEqual(20);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
    const { status } = await api("POST", "/v1/login", undefined, {
      email: ann.email,
      password: ann.password,
    });
    expect(status).toBe(429);
    // Another account is not concerned.
    const bob = await signUp(veche.baseUrl);
    expect(
      (await api("POST", "/v1/login", undefined, { email: bob.email, password: bob.password })).status,
    ).toBe(200);
  });

  test("all addresses of one IPv6 network count as one", async () => {
    const behindProxy = await startEmbedded({ TRUST_PROXY: "loopback", SIGN_IN_ADDRESS_MAX_FAILURES: "5" });
    const guess = (address: string, i: number) =>
      request(behindProxy.baseUrl, "POST", "/v1/login", {
        body: { email: `nobody${i}@example.com`, password: "wrong horse" },
        headers: { "x-forwarded-for": address },
      });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i += 1) statuses.push((await guess(`2001:db8::${i.toString(16)}`, i)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect((await guess("2001:db8:0:1::1", 9)).status).toBe(401);
    await behindProxy.stop();
  });
});

describe("refresh tokens", () => {
  const refresh = (refresh_token: string) =>
    api<Record<string, string>>("POST", "/v1/refresh", undefined, { refresh_token });

  test("rotate; the one just replaced gets the same successor", async () => {
    const ann = await signUp(veche.baseUrl);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(ann.refreshToken)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    expect(answers[0]?.body.refresh_token).not.toBe(ann.refreshToken);
    expect((await api("GET", "/v1/me", answers[0]?.body.access_token)).status).toBe(200);
  });

  test("an old one, after the grace, revokes the session", async () => {
    const ann = await signUp(veche.baseUrl);
    const second = await refresh(ann.refreshToken);
    const refused = await eventually(async () => {
      const answer = await refresh(ann.refreshToken);
      return answer.status !== 200 && answer;
    });
    expect(refused.status).toBe(401);
    expect((await refresh(String(second.body.refresh_token))).status).toBe(401);
    await eventually(async () => (await api("GET", "/v1/me", second.body.access_token)).status === 401);
  });

  test("a forged one is refused and touches nothing", async () => {
    const ann = await signUp(veche.baseUrl);
    const [id, , signature] = ann.refreshToken.split(".");
    for (const forged of ["x", `${id}.0.x`, `${id}.1.${signature}`, `${id}.-1.${signature}`]) {
      expect((await refresh(forged)).status).toBe(401);
    }
    expect((await refresh(ann.refreshToken)).status).toBe(200);
  });
});

describe("sessions", () => {
  test("are listed, and ended one by one or all", async () => {
    const ann = await signUp(veche.baseUrl);
    const again = await api<Record<string, string>>("POST", "/v1/login", undefined, {
      email: ann.email,
      password: ann.password,
    });
    const { body } = await api<{ sessions: { id: string; current: boolean }[] }>("GET", "/v1/sessions", ann);
    expect(body.sessions.map(({ current }) => current)).toEqual([false, true]);
    expect((await api("DELETE", `/v1/sessions/${body.sessions[0]?.id}`, ann)).status).toBe(204);
    await eventually(async () => (await api("GET", "/v1/me", again.body.access_token)).status === 401);
    expect((await api("GET", "/v1/me", ann)).status).toBe(200);
    expect((await api("POST", "/v1/logout/all", ann)).status).toBe(204);
    await eventually(async () => (await api("GET", "/v1/me", ann)).status === 401);
  });

  test("of somebody else are not there", async () => {
    const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
    const { body } = await api<{ sessions: { id: string }[] }>("GET", "/v1/sessions", bob);
    expect((await api("DELETE", `/v1/sessions/${body.sessions[0]?.id}`, ann)).status).toBe(404);
    expect((await api("GET", "/v1/me", bob)).status).toBe(200);
  });

  test("a gateway's proxy learns who it is", async () => {
    const ann = await signUp(veche.baseUrl);
    const answer = await api("GET", "/v1/auth/verify", ann);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-user-id")).toBe(ann.userId);
    expect((await api("GET", "/v1/auth/verify")).status).toBe(401);
  });
});

// Accounts of older systems: made as a whole or not at all, and signed in to with the passwords of then.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import bcrypt from "bcrypt";
import { call } from "../../lib/contract.ts";
import { isVecheError } from "../../lib/errors.ts";
import { importedId, UserIdSchema } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type Embedded, startEmbedded } from "../../test/support/embedded.ts";
import { clientOf, signUp, uniqueName } from "../../test/support/http.ts";
import type { AuthService } from "./auth.service.ts";

const STALE_AFTER_MS = 400;

let veche: Embedded;
let auth: AuthService;
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: String(STALE_AFTER_MS), BCRYPT_COST: "6" });
  auth = veche.broker.getLocalService({ name: "auth", version: 1 }) as unknown as AuthService;
});
afterAll(() => veche.stop());

const send = clientOf(() => veche.baseUrl);
const PASSWORD = "the password of then";

let number = 0;
async function account(more: Record<string, unknown> = {}) {
  number += 1;
  return {
    user_id: importedId(number, 0),
    email: `${uniqueName()}@example.com`,
    password_hash: await bcrypt.hash(PASSWORD, 4),
    created_at: Date.UTC(2024, 0, 1),
    ...more,
  };
}

type Account = Awaited<ReturnType<typeof account>>;
const take = async (...accounts: Account[]) =>
  (await call(veche.broker, "v1.auth.importAccounts", { accounts })).outcomes;
const document = (id: string) => auth.collections.accounts.findById(id);
const signIn = (email: string, password = PASSWORD) =>
  send("POST", "/v1/login", undefined, { email, password });

test("an old hash opens the account, and is made anew by that sign-in; a wrong password leaves it as it is", async () => {
  const ann = await account();
  await take(ann);
  const before = (await document(ann.user_id))?.password_hash;
  expect(before).toBe(`bare:${ann.password_hash}`);
  expect((await signIn(ann.email, "another password")).status).toBe(401);
  expect((await document(ann.user_id))?.password_hash).toBe(before);

  expect(await signIn(ann.email)).toMatchObject({ status: 200, body: { user_id: ann.user_id } });
  const after = (await document(ann.user_id))?.password_hash ?? "";
  expect(after).toMatch(/^\$2b\$06\$/);
  // It is of today's kind: over a SHA-384, so that bcrypt of the password alone does not fit.
  expect(await bcrypt.compare(PASSWORD, after)).toBe(false);
  expect((await signIn(ann.email)).status).toBe(200);
  expect((await document(ann.user_id))?.password_hash).toBe(after);
});

test("a sign-in that is overtaken by a new password does not put the old one back", async () => {
  const ann = await account();
  await take(ann);
  const read = await document(ann.user_id);
  if (read?.state !== "active" || read.email === undefined) throw new Error("there is no account");
  await auth.collections.accounts.updateOne(
    { _id: UserIdSchema.parse(ann.user_id) },
    { $set: { password_hash: "newer" } },
  );
  await auth.accounts.refreshHash({ ...read, state: "active", email: read.email }, PASSWORD);
  expect((await document(ann.user_id))?.password_hash).toBe("newer");
});

test("what came with it shows: names, profile, and since when", async () => {
  const nickname = uniqueName("n");
  const username = uniqueName("U_");
  const ann = await account({ username, profile: { nickname, display_name: "Ann", bio: "hello" } });
  expect(await take(ann)).toEqual([{ outcome: "made" }]);
  const { body } = await send("POST", "/v1/login", undefined, { username, password: PASSWORD });
  expect((await send("GET", "/v1/me", String(body.access_token))).body).toMatchObject({
    ...{ id: ann.user_id, email: ann.email, username, role: "user" },
    ...{ nickname, display_name: "Ann", bio: "hello", created_at_unix_ms: ann.created_at },
  });
});

test("an email or username of another is refused, and neither account changes; a nickname is left out", async () => {
  const nickname = uniqueName("n");
  const username = uniqueName("u");
  const ann = await signUp(veche.baseUrl, { nickname, username });
  const outcomes = await take(
    await account({ email: ann.email.toUpperCase() }),
    await account({ username: username.toUpperCase() }),
    await account({ profile: { nickname } }),
  );
  expect(outcomes).toEqual([
    { outcome: "refused", reason: "this email is taken" },
    { outcome: "refused", reason: "this username is taken" },
    { outcome: "made", nickname_taken: true },
  ]);
  expect(
    (await send("POST", "/v1/login", undefined, { email: ann.email, password: ann.password })).status,
  ).toBe(200);
  expect((await signIn(ann.email)).status).toBe(401);
});

test("of two with one email the first is made, and what was refused holds nothing", async () => {
  const username = uniqueName("u");
  const ann = await account();
  const twin = await account({ email: ann.email, username });
  expect((await take(ann, twin)).map(({ outcome }) => outcome)).toEqual(["made", "refused"]);
  expect(await document(twin.user_id)).toBeNull();
  expect(await take(await account({ username }))).toEqual([{ outcome: "made" }]);
});

test("taken over twice, or by two at once, each is made once", async () => {
  const accounts = await Promise.all(
    Array.from({ length: 40 }, () => account({ username: uniqueName("u") })),
  );
  const both = await Promise.allSettled([take(...accounts), take(...accounts)]);
  for (const each of both) if (each.status === "rejected") expect(isVecheError(each.reason)).toBe(true);
  // Who was in the other's way tries again.
  const last = await take(...accounts);
  expect(last.every(({ outcome }) => outcome === "there" || outcome === "made")).toBe(true);
  expect((await take(...accounts)).every(({ outcome }) => outcome === "there")).toBe(true);
  for (const { email, user_id } of accounts) {
    expect((await document(user_id))?.email).toBe(email);
    expect(await auth.claims.ownerOf("email", email)).toBe(user_id);
  }
});

/** What a crash leaves: the account and some of its claims. */
async function halfMade(claimed: boolean): Promise<Account> {
  const ann = await account({ username: uniqueName("u") });
  const { user_id, email, created_at } = ann;
  const left = await auth.collections.accounts.insert({
    ...{ _id: UserIdSchema.parse(user_id), email, password_hash: "x", password_version: 0, created_at },
    ...{ role: "user", state: "registering", unsettled_since: Date.now() },
  });
  if (claimed) await auth.claims.claimHeld([left], "email");
  return ann;
}

test.each([false, true])("what a crash left is gone on with (claimed: %s)", async (claimed) => {
  const ann = await halfMade(claimed);
  expect((await signIn(ann.email)).status).toBe(401);
  expect(await take(ann)).toEqual([{ outcome: "made" }]);
  expect((await signIn(ann.email)).status).toBe(200);
});

test("what nobody goes on with is taken back by the sweep, with its claims", async () => {
  const ann = await halfMade(true);
  await eventually(async () => (await document(ann.user_id)) === null);
  expect(await auth.claims.ownerOf("email", ann.email)).toBeUndefined();
  await signUp(veche.baseUrl, { email: ann.email });
});

test("what the sweep is taking back can't become an account meanwhile", async () => {
  const ann = await halfMade(true);
  const left = await document(ann.user_id);
  if (left) await auth.accounts.abandon(left);
  await expect(take(ann)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  await eventually(async () => (await document(ann.user_id)) === null);
  expect(await take(ann)).toEqual([{ outcome: "made" }]);
});

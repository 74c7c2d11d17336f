import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { newUserId } from "../lib/ids.ts";
import type { Collections } from "../mixins/collection/collection.ts";
import type { socialCollections } from "../services/social/social.store.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { clientOf, type SignedUp, signUp, uniqueName } from "./support/http.ts";

let veche: Embedded;
beforeAll(async () => {
  veche = await startEmbedded({ STALE_AFTER_MS: "200", FRIEND_REQUEST_AGAIN_S: "2" });
});
afterAll(() => veche.stop());

const api = clientOf(() => veche.baseUrl);
const people = (count: number) => Promise.all(Array.from({ length: count }, () => signUp(veche.baseUrl)));

const ask = (from: SignedUp, to: SignedUp) => api("POST", `/v1/friends/${to.userId}/request`, from);
const answer = (user: SignedUp, id: unknown, how: "accept" | "decline") =>
  api("POST", `/v1/friends/requests/${id}/${how}`, user);
const cancel = (user: SignedUp, id: unknown) => api("DELETE", `/v1/friends/requests/${id}`, user);
const remove = (user: SignedUp, friend: SignedUp) => api("DELETE", `/v1/friends/${friend.userId}`, user);
const friendsOf = async (user: SignedUp) => (await api("GET", "/v1/friends", user)).body.friend_user_ids;
const requestsOf = async (user: SignedUp, direction: string) =>
  ((await api("GET", `/v1/friends/requests?direction=${direction}`, user)).body.requests as object[]).length;
const listed = async (user: SignedUp, list: string, by = user) =>
  (await api("GET", `/v1/users/${user.userId}/${list}`, by)).body.user_ids;
const countsOf = async (user: SignedUp, by = user) =>
  (await api("GET", `/v1/users/${user.userId}/counts`, by)).body;
const counts = (friends_count: number, followers_count: number, following_count: number) => ({
  friends_count,
  followers_count,
  following_count,
});

async function befriend(a: SignedUp, b: SignedUp): Promise<void> {
  const { body } = await ask(a, b);
  expect((await answer(b, body.request_id, "accept")).status).toBe(200);
}

describe("friend requests", () => {
  test("are sent, listed on both sides, and accepted; then both are friends, until one ends it", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const sent = await ask(ann, bob);
    expect(sent).toMatchObject({
      status: 201,
      body: { status: "PENDING", from_user_id: ann.userId, to_user_id: bob.userId },
    });
    const { request_id } = sent.body;
    expect((await api("GET", "/v1/friends/requests", bob)).body).toEqual({
      requests: [sent.body],
      next_cursor: null,
    });
    expect([await requestsOf(ann, "outgoing"), await requestsOf(ann, "incoming")]).toEqual([1, 0]);
    expect(await answer(bob, request_id, "accept")).toMatchObject({
      status: 200,
      body: { request_id, status: "ACCEPTED" },
    });
    expect([await friendsOf(ann), await friendsOf(bob)]).toEqual([[bob.userId], [ann.userId]]);
    expect([await requestsOf(ann, "outgoing"), await requestsOf(bob, "incoming")]).toEqual([0, 0]);
    expect(await countsOf(ann, bob)).toEqual(counts(1, 0, 0));
    expect((await ask(ann, bob)).status).toBe(409);

    expect((await remove(bob, ann)).status).toBe(204);
    expect([await friendsOf(ann), await friendsOf(bob)]).toEqual([[], []]);
    expect((await remove(bob, ann)).status).toBe(404);
    expect(await countsOf(ann)).toEqual(counts(0, 0, 0));
    expect((await answer(bob, request_id, "accept")).status).toBe(404);
  });

  test("that cross make friends", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const { body } = await ask(ann, bob);
    expect(await ask(bob, ann)).toMatchObject({
      status: 201,
      body: { request_id: body.request_id, status: "ACCEPTED" },
    });
    expect([await friendsOf(ann), await friendsOf(bob)]).toEqual([[bob.userId], [ann.userId]]);
  });

  test("are refused to oneself, to nobody, and a second time", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    expect((await ask(ann, ann)).status).toBe(400);
    expect((await api("POST", `/v1/friends/${newUserId()}/request`, ann)).status).toBe(404);
    const { body } = await ask(ann, bob);
    expect(await ask(ann, bob)).toMatchObject({
      status: 409,
      body: { code: "ALREADY_EXISTS", friend_request_id: body.request_id },
    });
  });

  test("are answered by the one who was asked, taken back by the one who asked, and nobody else's business", async () => {
    const [ann, bob, eve] = (await people(3)) as [SignedUp, SignedUp, SignedUp];
    const { request_id } = (await ask(ann, bob)).body;
    for (const user of [ann, eve]) {
      expect((await answer(user, request_id, "accept")).status).toBe(403);
      expect((await answer(user, request_id, "decline")).status).toBe(403);
    }
    for (const user of [bob, eve]) expect((await cancel(user, request_id)).status).toBe(403);
    // Whether there is such a request is not told to others.
    const none = `${[ann.userId, bob.userId].sort().join(".")}.1`;
    expect((await answer(eve, none, "accept")).status).toBe(403);
    expect((await answer(bob, none, "accept")).status).toBe(404);
    expect(await cancel(ann, request_id)).toMatchObject({ status: 200, body: { status: "CANCELED" } });
    expect((await answer(bob, request_id, "accept")).status).toBe(404);
    expect(await requestsOf(bob, "incoming")).toBe(0);
  });

  test("have ids of their own: that of an old one does not accept a newer one", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const { body: first } = await ask(ann, bob);
    await cancel(ann, first.request_id);
    const { body: second } = await ask(ann, bob);
    expect(second.request_id).not.toBe(first.request_id);
    expect((await answer(bob, first.request_id, "accept")).status).toBe(404);
    expect(await friendsOf(ann)).toEqual([]);
    expect((await answer(bob, second.request_id, "accept")).status).toBe(200);
  });

  test("may be answered the same way twice, and not another way afterwards", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const { request_id } = (await ask(ann, bob)).body;
    const statuses = async (how: "accept" | "decline") => (await answer(bob, request_id, how)).status;
    expect([await statuses("accept"), await statuses("accept"), await statuses("decline")]).toEqual([
      200, 200, 404,
    ]);
    expect((await cancel(ann, request_id)).status).toBe(404);
    expect(await friendsOf(ann)).toEqual([bob.userId]);
  });

  test("that were declined may be sent again after a while, and by the other one at once", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const { request_id } = (await ask(ann, bob)).body;
    expect(await answer(bob, request_id, "decline")).toMatchObject({ body: { status: "DECLINED" } });
    const refused = await ask(ann, bob);
    expect(refused).toMatchObject({ status: 429, body: { code: "RESOURCE_EXHAUSTED" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    // Neither a request of the other's nor a block takes that away.
    const { body: other } = await ask(bob, ann);
    await cancel(bob, other.request_id);
    await api("POST", `/v1/blocks/${bob.userId}`, ann);
    await api("DELETE", `/v1/blocks/${bob.userId}`, ann);
    expect((await ask(ann, bob)).status).toBe(429);
    await eventually(async () => (await ask(ann, bob)).status === 201);
  });
});

describe("follows", () => {
  test("go one way, need no answer, and are seen by all in lists and counts", async () => {
    const [ann, bob, eve] = (await people(3)) as [SignedUp, SignedUp, SignedUp];
    const path = `/v1/follows/${bob.userId}`;
    expect((await api("POST", path, ann)).status).toBe(204);
    expect((await api("POST", path, ann)).status).toBe(204);
    expect(await listed(ann, "following", eve)).toEqual([bob.userId]);
    expect(await listed(bob, "followers", eve)).toEqual([ann.userId]);
    expect(await listed(bob, "following")).toEqual([]);
    expect([await countsOf(ann, eve), await countsOf(bob, eve)]).toEqual([counts(0, 0, 1), counts(0, 1, 0)]);
    expect((await api("DELETE", path, ann)).status).toBe(204);
    expect((await api("DELETE", path, ann)).status).toBe(204);
    expect([await listed(ann, "following"), await listed(bob, "followers")]).toEqual([[], []]);
    expect(await countsOf(bob)).toEqual(counts(0, 0, 0));
  });

  test("of oneself and of nobody are refused", async () => {
    const ann = await signUp(veche.baseUrl);
    expect((await api("POST", `/v1/follows/${ann.userId}`, ann)).status).toBe(400);
    expect((await api("POST", `/v1/follows/${newUserId()}`, ann)).status).toBe(404);
    expect((await api("GET", `/v1/users/${newUserId()}/followers`, ann)).status).toBe(404);
    expect((await api("GET", `/v1/users/${newUserId()}/counts`, ann)).status).toBe(404);
  });
});

test("lists are paged by cursor, newest first, and a cursor of another's list is refused", async () => {
  const [ann, ...others] = (await people(6)) as [SignedUp, ...SignedUp[]];
  for (const other of others) await api("POST", `/v1/follows/${ann.userId}`, other);
  const found: unknown[] = [];
  let cursor = "";
  do {
    const path = `/v1/users/${ann.userId}/followers?limit=2${cursor}`;
    const { body } = await api("GET", path, ann);
    found.push(...(body.user_ids as string[]));
    cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
    if (cursor) {
      const stolen = `/v1/users/${others[0]?.userId}/followers?limit=2${cursor}`;
      expect((await api("GET", stolen, ann)).status).toBe(400);
    }
  } while (cursor);
  expect(found).toEqual(others.map(({ userId }) => userId).reverse());
});

test("a list of another leaves out who blocked its reader, and no cursor names them", async () => {
  const [ann, bob, eve, ...others] = (await people(5)) as [SignedUp, SignedUp, SignedUp, ...SignedUp[]];
  const followers = [others[0], ann, others[1]].flatMap((user) => (user ? [user] : []));
  for (const follower of followers) await api("POST", `/v1/follows/${eve.userId}`, follower);
  await api("POST", `/v1/blocks/${bob.userId}`, ann);
  const found: unknown[] = [];
  let cursor = "";
  do {
    const { body } = await api("GET", `/v1/users/${eve.userId}/followers?limit=1${cursor}`, bob);
    found.push(...(body.user_ids as string[]));
    expect(Buffer.from(String(body.next_cursor), "base64url").toString()).not.toContain(ann.userId);
    cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
  } while (cursor);
  expect(found).toEqual([others[1]?.userId, others[0]?.userId]);
});

describe("a block", () => {
  test("ends friendship, requests and follows, and keeps them from coming back until it ends", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    await befriend(ann, bob);
    for (const [from, to] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      await api("POST", `/v1/follows/${to.userId}`, from);
    }
    expect((await api("POST", `/v1/blocks/${bob.userId}`, ann)).status).toBe(204);
    expect((await api("POST", `/v1/blocks/${bob.userId}`, ann)).status).toBe(204);
    expect((await api("GET", "/v1/blocks", ann)).body).toEqual({ user_ids: [bob.userId], next_cursor: null });
    expect((await api("GET", "/v1/blocks", bob)).body.user_ids).toEqual([]);
    for (const user of [ann, bob]) {
      expect([
        await friendsOf(user),
        await listed(user, "following"),
        await listed(user, "followers"),
      ]).toEqual([[], [], []]);
      expect(await countsOf(user)).toEqual(counts(0, 0, 0));
    }
    for (const path of [`/v1/friends/${ann.userId}/request`, `/v1/follows/${ann.userId}`]) {
      expect((await api("POST", path, bob)).status).toBe(404);
    }
    for (const path of [`/v1/friends/${bob.userId}/request`, `/v1/follows/${bob.userId}`]) {
      expect((await api("POST", path, ann)).status).toBe(403);
    }
    expect((await api("DELETE", `/v1/blocks/${bob.userId}`, ann)).status).toBe(204);
    expect((await ask(bob, ann)).status).toBe(201);
  });

  test("takes a pending request away", async () => {
    const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
    const { request_id } = (await ask(bob, ann)).body;
    await api("POST", `/v1/blocks/${bob.userId}`, ann);
    expect((await answer(ann, request_id, "accept")).status).toBe(404);
    expect([await requestsOf(ann, "incoming"), await requestsOf(bob, "outgoing")]).toEqual([0, 0]);
  });

  test("hides who blocked from the blocked one: profile, search, lists; and not the other way round", async () => {
    const nickname = uniqueName("n");
    const ann = await signUp(veche.baseUrl, { nickname });
    const [bob, eve] = (await people(2)) as [SignedUp, SignedUp];
    const paths = [
      `/v1/profile/${ann.userId}`,
      `/v1/profile/by-nickname/${nickname}`,
      `/v1/users/${ann.userId}/followers`,
      `/v1/users/${ann.userId}/following`,
      `/v1/users/${ann.userId}/counts`,
    ];
    const seenBy = async (user: SignedUp) =>
      Promise.all(paths.map(async (path) => (await api("GET", path, user)).status));
    const all = (status: number) => paths.map(() => status);
    await api("POST", `/v1/follows/${eve.userId}`, ann);
    expect(await seenBy(bob)).toEqual(all(200));
    await api("POST", `/v1/blocks/${bob.userId}`, ann);
    expect([await seenBy(bob), await seenBy(eve), await seenBy(ann)]).toEqual([all(404), all(200), all(200)]);
    expect((await api("GET", `/v1/profile/${bob.userId}`, ann)).status).toBe(200);
    expect([await listed(eve, "followers", bob), await listed(eve, "followers")]).toEqual([[], [ann.userId]]);
    const found = async (user: SignedUp) =>
      (await api<{ results: object[] }>("GET", `/v1/users/search?query=${nickname}`, user)).body.results
        .length;
    expect([await found(bob), await found(eve), await found(ann)]).toEqual([0, 1, 1]);
    await api("DELETE", `/v1/blocks/${bob.userId}`, ann);
    expect([await seenBy(bob), await found(bob)]).toEqual([all(200), 1]);
  });

  test("leaves no gap in the pages of a search", async () => {
    const start = uniqueName("g").slice(0, 14);
    const bob = await signUp(veche.baseUrl);
    for (let i = 0; i < 6; i += 1) {
      const user = await signUp(veche.baseUrl, { nickname: `${start}${i}` });
      if (i % 2 === 0) await api("POST", `/v1/blocks/${bob.userId}`, user);
    }
    const search = (more = "") =>
      api<{ results: { nickname: string }[]; next_cursor: string | null }>(
        "GET",
        `/v1/users/search?query=${start}&limit=2${more}`,
        bob,
      );
    const first = await search();
    expect(first.body.results.map(({ nickname }) => nickname)).toEqual([`${start}1`, `${start}3`]);
    const second = await search(`&cursor=${first.body.next_cursor}`);
    expect(second.body.results.map(({ nickname }) => nickname)).toEqual([`${start}5`]);
    expect(second.body.next_cursor).toBeNull();
  });

  test("is told to services, for two users and for many", async () => {
    const [ann, bob, eve] = (await people(3)) as [SignedUp, SignedUp, SignedUp];
    await api("POST", `/v1/blocks/${bob.userId}`, ann);
    const { broker } = veche;
    const between = (a: SignedUp, b: SignedUp) =>
      broker.call("v1.social.isBlockedBetween", { user_ids: [a.userId, b.userId] });
    expect([await between(ann, bob), await between(bob, ann), await between(ann, eve)]).toEqual([
      { blocked: true },
      { blocked: true },
      { blocked: false },
    ]);
    const among = (user: SignedUp) =>
      broker.call("v1.social.blockedAmong", {
        user_id: user.userId,
        others: [ann, bob, eve].map(({ userId }) => userId),
      });
    expect(await among(ann)).toEqual({ hidden_ids: [], blocked_ids: [bob.userId] });
    expect(await among(bob)).toEqual({ hidden_ids: [ann.userId], blocked_ids: [] });
  });
});

test("without an answer about blocks no other's profile is shown, and one's own is", async () => {
  const alone = await startEmbedded();
  try {
    const [ann, bob] = [await signUp(alone.baseUrl), await signUp(alone.baseUrl)];
    const social = alone.broker.getLocalService({ name: "social", version: 1 });
    await alone.broker.destroyService(social);
    const get = clientOf(() => alone.baseUrl);
    expect((await get("GET", `/v1/profile/${bob.userId}`, ann)).status).toBe(503);
    expect((await get("GET", "/v1/users/search?query=a", ann)).status).toBe(200);
    expect((await get("GET", "/v1/users", ann)).status).toBe(503);
    expect((await get("GET", "/v1/me", ann)).status).toBe(200);
    expect((await get("GET", `/v1/profile/${ann.userId}`, ann)).status).toBe(200);
    expect((await fetch(`${alone.baseUrl}/readyz`)).status).toBe(200);
  } finally {
    await alone.stop();
  }
});

type Social = { collections: Collections<typeof socialCollections> };
const socialOf = (broker: ServiceBroker) =>
  broker.getLocalService({ name: "social", version: 1 }) as unknown as Social;

/** All of it, as text. */
async function everythingKept(broker: ServiceBroker): Promise<string> {
  const { pairs, edges, counts: kept } = socialOf(broker).collections;
  const all = await Promise.all([pairs, edges, kept].map((each) => each.page({ prefix: "", limit: 10_000 })));
  return JSON.stringify(all);
}

test("of a deleted account with 500 friends nothing stays", async () => {
  const ann = await signUp(veche.baseUrl);
  const friends: SignedUp[] = [];
  // More at once would be refused: a password is slow to hash.
  while (friends.length < 500) friends.push(...(await people(20)));
  await Promise.all(friends.map((friend) => befriend(friend, ann)));
  const [first, second, third] = friends as [SignedUp, SignedUp, SignedUp];
  await api("POST", `/v1/follows/${ann.userId}`, first);
  await api("POST", `/v1/follows/${first.userId}`, ann);
  await api("POST", `/v1/blocks/${ann.userId}`, second);
  expect(await countsOf(ann)).toEqual(counts(499, 1, 1));
  const deleted = api("DELETE", "/v1/account", ann, { password: ann.password });
  // Some come just before, some just after, some in between.
  const others = friends.filter((friend) => friend !== second);
  const late = await Promise.all(others.map((friend) => api("POST", `/v1/follows/${ann.userId}`, friend)));
  expect((await deleted).status).toBe(202);
  for (const { status } of late) expect([204, 404]).toContain(status);
  await eventually(async () => !(await everythingKept(veche.broker)).includes(ann.userId), {
    within: 25_000,
  });
  for (const friend of [first, second, third]) {
    expect(await friendsOf(friend)).toEqual([]);
    expect(await countsOf(friend)).toEqual(counts(0, 0, 0));
  }
  expect((await ask(first, ann)).status).toBe(404);
});

test("what ended leaves nothing behind after a while", async () => {
  const [ann, bob] = (await people(2)) as [SignedUp, SignedUp];
  await befriend(ann, bob);
  await remove(ann, bob);
  const pair = [ann.userId, bob.userId].sort().join(".");
  await eventually(async () => !(await everythingKept(veche.broker)).includes(pair));
  await befriend(bob, ann);
  expect([await friendsOf(ann), await countsOf(ann)]).toEqual([[bob.userId], counts(1, 0, 0)]);
});

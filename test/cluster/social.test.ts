import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { type Answer, request, type SignedUp, signUp } from "../support/http.ts";

let cluster: Cluster;
let gateways: string[];

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      "gateway-1": ["api"],
      "gateway-2": ["api"],
      "core-1": allBut("api", "social"),
      "social-1": ["social"],
      "social-2": ["social"],
    },
    env: {
      SWEEP_INTERVAL_MS: "200",
      STALE_AFTER_MS: "1000",
      FRIEND_REQUEST_AGAIN_S: "0",
      // All processes, servers and clients share this machine: how fast it is is not what is tested.
      REQUEST_TIMEOUT_MS: "15000",
    },
  });
  gateways = ["gateway-1", "gateway-2"].map((name) => cluster.node(name).baseUrl);
});
afterAll(() => cluster?.stop());

let turn = 0;
/** Through one gateway after the other. */
function api<T = Record<string, unknown>>(method: string, path: string, { accessToken: token }: SignedUp) {
  turn += 1;
  return request<T>(gateways[turn % gateways.length] ?? "", method, path, { token });
}

const LISTS = ["friends", "incoming", "outgoing", "following", "followers", "blocks"] as const;
type Lists = Record<(typeof LISTS)[number], string[]>;

/** What a user sees, each list whole and in no order. */
async function listsOf(user: SignedUp): Promise<Lists> {
  const get = async <T>(path: string): Promise<T> => {
    const { status, body } = await api<T>("GET", path, user);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    return body;
  };
  const usersOf = async (path: string) => (await get<{ user_ids: string[] }>(path)).user_ids;
  const peersOf = async (direction: string, peer: "from_user_id" | "to_user_id") => {
    const path = `/v1/friends/requests?direction=${direction}`;
    const { requests } = await get<{ requests: Record<typeof peer, string>[] }>(path);
    return requests.map((each) => each[peer]);
  };
  const { friend_user_ids: friends } = await get<{ friend_user_ids: string[] }>("/v1/friends");
  const lists = {
    friends,
    incoming: await peersOf("incoming", "from_user_id"),
    outgoing: await peersOf("outgoing", "to_user_id"),
    following: await usersOf(`/v1/users/${user.userId}/following`),
    followers: await usersOf(`/v1/users/${user.userId}/followers`),
    blocks: await usersOf("/v1/blocks"),
  };
  expect(await get(`/v1/users/${user.userId}/counts`)).toEqual({
    friends_count: friends.length,
    followers_count: lists.followers.length,
    following_count: lists.following.length,
  });
  return lists;
}

/** Friendship is mutual, both sides agree, no request between friends, nothing across a block, nothing twice. */
async function expectInvariants(users: SignedUp[]): Promise<void> {
  const all = new Map<string, Lists>();
  for (const user of users) all.set(user.userId, await listsOf(user));
  for (const [id, lists] of all) {
    for (const name of LISTS) expect(new Set(lists[name]).size).toBe(lists[name].length);
    for (const [peer, theirs] of all) {
      if (peer === id) continue;
      const has = (name: keyof Lists) => lists[name].includes(peer);
      const they = (name: keyof Lists) => theirs[name].includes(id);
      expect([has("friends"), has("incoming"), has("following")]).toEqual([
        ...[they("friends"), they("outgoing"), they("followers")],
      ]);
      const ties = [has("friends"), has("incoming"), has("outgoing")].filter(Boolean);
      expect(ties.length).toBeLessThanOrEqual(1);
      if (has("blocks")) expect([...ties, has("following"), has("followers")]).toEqual([false, false]);
    }
  }
}

test.each([
  ["all at once", 1_000],
  ["twenty-five at a time", 25],
])(
  "two users ask and remove each other a thousand times each, %s: no edge is there twice, and nothing fails",
  async (_name, width) => {
    const [ann, bob] = [await signUp(gateways[0] ?? ""), await signUp(gateways[1] ?? "")];
    const statuses = new Map<number, number>();
    const change = async (user: SignedUp, { userId }: SignedUp, i: number) => {
      const { status } = await (i % 2 === 0
        ? api("POST", `/v1/friends/${userId}/request`, user)
        : api("DELETE", `/v1/friends/${userId}`, user));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    const lane = async (user: SignedUp, other: SignedUp) => {
      for (let i = 0; i < 1_000 / width; i += 1) await change(user, other, i + Math.floor(Math.random() * 2));
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: width }, () => [lane(ann, bob), lane(bob, ann)]).flat());
    const took = Math.round(performance.now() - began);
    console.log(`2,000 changes of one pair in ${took} ms: ${JSON.stringify(Object.fromEntries(statuses))}`);
    for (const status of statuses.keys()) expect([201, 204, 404, 409]).toContain(status);
    await eventually(() => expectInvariants([ann, bob]));
  },
);

const CHANGES = [
  ...["request", "request", "accept", "accept", "decline", "cancel", "remove"],
  ...["follow", "unfollow", "block", "unblock"],
] as const;

interface Command {
  change: (typeof CHANGES)[number];
  by: number;
  to: number;
}

async function perform(users: SignedUp[], { change, by, to }: Command): Promise<Answer | undefined> {
  const [user, other] = [users[by], users[to]];
  if (!user || !other || user === other) return;
  const id = other.userId;
  const answered = async (method: string, direction: "incoming" | "outgoing", how: string) => {
    const { body } = await api("GET", `/v1/friends/requests?direction=${direction}`, user);
    const [first] = (body.requests ?? []) as { request_id: string }[];
    return first && api(method, `/v1/friends/requests/${first.request_id}${how}`, user);
  };
  switch (change) {
    case "request":
      return api("POST", `/v1/friends/${id}/request`, user);
    case "accept":
    case "decline":
      return answered("POST", "incoming", `/${change}`);
    case "cancel":
      return answered("DELETE", "outgoing", "");
    case "remove":
      return api("DELETE", `/v1/friends/${id}`, user);
    default: {
      const path = change.endsWith("follow") ? `/v1/follows/${id}` : `/v1/blocks/${id}`;
      return api(change.startsWith("un") ? "DELETE" : "POST", path, user);
    }
  }
}

const user = fc.nat(4);
const command = fc.record({ change: fc.constantFrom(...CHANGES), by: user, to: user });
const lanes = fc.array(fc.array(command, { minLength: 4, maxLength: 10 }), { minLength: 6, maxLength: 10 });

test.each<[string, number, (() => Promise<void>) | undefined]>([
  ["and nobody dies", 10, undefined],
  [
    "and a process is killed in between",
    6,
    async () => {
      const node = cluster.node(turn % 2 ? "social-1" : "social-2");
      await node.kill();
      await node.start();
    },
  ],
])(
  "whatever five users do at two gateways, %s: all they see is in order",
  async (_name, numRuns, disturb) => {
    const property = fc.asyncProperty(lanes, async (commands) => {
      const users = await Promise.all(Array.from({ length: 5 }, (_, i) => signUp(gateways[i % 2] ?? "")));
      const answers: Answer[] = [];
      const run = async (lane: Command[]) => {
        for (const each of lane) {
          const answer = await perform(users, each);
          if (answer) answers.push(answer);
        }
      };
      const running = Promise.all(commands.map(run));
      await Promise.all([running, disturb?.()]);
      const failures = answers.flatMap(({ status }) => (status < 500 ? [] : [status]));
      expect(failures.filter((status) => !disturb || ![503, 504].includes(status))).toEqual([]);
      await eventually(() => expectInvariants(users), { within: 15_000, every: 100 });
    });
    await fc.assert(property, { numRuns, endOnFailure: true });
  },
  120_000,
);

test("of a deleted account nothing is left in the lists and counts of others, though a process was killed meanwhile", async () => {
  const [ann, ...others] = (await Promise.all(
    Array.from({ length: 12 }, (_, i) => signUp(gateways[i % 2] ?? "")),
  )) as [SignedUp, ...SignedUp[]];
  for (const other of others) {
    await api("POST", `/v1/friends/${ann.userId}/request`, other);
    await api("POST", `/v1/friends/${other.userId}/request`, ann);
    await api("POST", `/v1/follows/${ann.userId}`, other);
  }
  const { accessToken: token, password } = ann;
  await request(gateways[0] ?? "", "DELETE", "/v1/account", { token, body: { password } });
  await cluster.node("social-1").kill();
  await cluster.node("social-1").start();
  const nothing = { friends: [], incoming: [], outgoing: [], following: [], followers: [], blocks: [] };
  await eventually(
    async () => {
      for (const other of others) expect(await listsOf(other)).toEqual(nothing);
    },
    { within: 60_000, every: 250 },
  );
  const late = await api("POST", `/v1/follows/${ann.userId}`, others[0] as SignedUp);
  expect(late.status).toBe(404);
});

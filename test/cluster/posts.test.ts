// Posts, search and feed across processes, and that of a deleted account nothing is left, whatever was away meanwhile.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import mongoose from "mongoose";
import { type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { request, type SignedUp, signUp } from "../support/http.ts";
import { jpeg, setAvatar, upload } from "../support/images.ts";

interface Post {
  id: string;
  text: string;
  image: { photo_id: string } | null;
}
interface Page {
  posts: Post[];
  next_cursor: string | null;
}

const STALE_MS = 2_000;

let cluster: Cluster;
let gateways: string[];
let image: Buffer;

beforeAll(async () => {
  cluster = await startCluster({
    nodes: {
      "gateway-1": ["api"],
      "gateway-2": ["api"],
      core: ["auth", "session", "users", "social"],
      chat: ["chat", "rooms"],
      "posts-1": ["posts"],
      "posts-2": ["posts"],
      photo: ["photo"],
    },
    env: {
      SWEEP_INTERVAL_MS: "200",
      STALE_AFTER_MS: String(STALE_MS),
      // All processes, servers and clients share this machine: how fast it is is not what is tested.
      REQUEST_TIMEOUT_MS: "15000",
    },
  });
  gateways = ["gateway-1", "gateway-2"].map((name) => cluster.node(name).baseUrl);
  image = await jpeg();
}, 120_000);
afterAll(() => cluster?.stop());

let turn = 0;
/** One gateway after the other. */
function baseUrl(): string {
  turn += 1;
  return gateways[turn % gateways.length] ?? "";
}
const api = <T = Record<string, unknown>>(method: string, path: string, user: SignedUp, body?: object) =>
  request<T>(baseUrl(), method, path, { token: user.accessToken, body });
const write = async (user: SignedUp, text: string): Promise<Post> => {
  const { status, body } = await api<Post>("POST", "/v1/posts", user, { text });
  if (status !== 201) throw new Error(`refused with ${status}`);
  return body;
};
const show = (user: SignedUp, text = "") =>
  upload<Post>(baseUrl(), user, image, { path: "/v1/posts", fields: { text } });

/** Whole, each page through another gateway. */
async function readAll(user: SignedUp, path: string, limit = 10): Promise<Post[]> {
  const posts: Post[] = [];
  let cursor = "";
  do {
    const sign = path.includes("?") ? "&" : "?";
    const { status, body } = await api<Page>("GET", `${path}${sign}limit=${limit}${cursor}`, user);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    posts.push(...body.posts);
    cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
  } while (cursor !== "");
  return posts;
}
const idsOf = (posts: Post[]) => posts.map(({ id }) => id);

/** The ids of photos that have bytes. */
const stored = (): Set<string> =>
  new Set(
    readdirSync(join(cluster.directory, "photo", "photos"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "mark")
      .map(({ name }) => name.slice(0, 16)),
  );

/** Every document of the database that names an id. */
async function naming(id: string): Promise<string[]> {
  const connection = await mongoose.createConnection(cluster.mongo.url).asPromise();
  try {
    const collections = (await connection.db?.listCollections().toArray()) ?? [];
    const found = await Promise.all(
      collections.map(async ({ name }) => {
        const documents = (await connection.db?.collection(name).find().toArray()) ?? [];
        return documents.map((document) => `${name} ${JSON.stringify(document)}`);
      }),
    );
    return found.flat().filter((document) => document.includes(id));
  } finally {
    await connection.close();
  }
}

test("what is written through one gateway is listed, found and fed through another, in one order", async () => {
  const [ann, bob, cat] = await Promise.all([1, 2, 3].map(() => signUp(baseUrl())));
  if (!ann || !bob || !cat) throw new Error("nobody signed up");
  const written: Post[] = [];
  for (let i = 0; i < 30; i += 1) {
    const by = i % 3 === 0 ? cat : ann;
    written.unshift(await write(by, i % 2 === 0 ? `Прогулка ${i} по лесу` : `walking ${i} in the woods`));
  }
  for (const { userId } of [ann, cat]) await api("POST", `/v1/follows/${userId}`, bob);
  expect(idsOf(await readAll(bob, "/v1/feed", 7))).toEqual(idsOf(written));
  const ofAnn = written.filter((_, i) => (29 - i) % 3 !== 0);
  expect(idsOf(await readAll(bob, `/v1/posts?author=${ann.userId}`, 7))).toEqual(idsOf(ofAnn));
  const walks = written.filter(({ text }) => text.startsWith("walking"));
  expect(idsOf(await readAll(bob, "/v1/posts?query=walks+wood", 4))).toEqual(idsOf(walks));
  const both = `/v1/posts?query=${encodeURIComponent("леса прогул")}&author=${ann.userId}`;
  expect(idsOf(await readAll(bob, both, 4))).toEqual(
    idsOf(ofAnn.filter(({ text }) => text.startsWith("Прогулка"))),
  );
  await api("DELETE", `/v1/follows/${cat.userId}`, bob);
  expect(idsOf(await readAll(bob, "/v1/feed", 7))).toEqual(idsOf(ofAnn));
  await api("POST", `/v1/blocks/${bob.userId}`, ann);
  for (const path of ["/v1/feed", `/v1/posts?author=${ann.userId}`, "/v1/posts?query=walks"]) {
    expect(idsOf(await readAll(bob, path)).filter((id) => idsOf(ofAnn).includes(id))).toEqual([]);
  }
}, 120_000);

test("kill -9 of a posts process: what was answered holds, and no image is left that no post shows", async () => {
  const ann = await signUp(baseUrl());
  const there = new Set<string>();
  const gone = new Set<string>();
  let going = true;
  const write = async () => {
    for (let i = 0; going; i += 1) {
      const made = await show(ann, `post ${i}`).catch(() => null);
      if (made?.status !== 201) continue;
      const { id } = made.body;
      if (i % 2 === 0) there.add(id);
      else {
        const deleted = await api("DELETE", `/v1/posts/${id}`, ann).catch(() => null);
        if (deleted?.status === 204) gone.add(id);
      }
    }
  };
  const writing = [write(), write()];
  for (const node of ["posts-1", "posts-2"]) {
    const goal = there.size + 4;
    await eventually(() => there.size >= goal, { within: 60_000 });
    await cluster.node(node).kill();
    await cluster.node(node).start();
    await cluster.node(node).ready();
  }
  going = false;
  await Promise.all(writing);
  await eventually(
    async () => {
      const posts = await readAll(ann, `/v1/posts?author=${ann.userId}`, 100);
      expect(idsOf(posts)).toEqual(expect.arrayContaining([...there]));
      expect(idsOf(posts).filter((id) => gone.has(id))).toEqual([]);
      expect(stored()).toEqual(new Set(posts.flatMap(({ image: shown }) => shown?.photo_id ?? [])));
    },
    { within: 60_000, every: 500 },
  );
}, 240_000);

test("an account is deleted while the photo service and then posts are away: in the end nothing of it is left", async () => {
  const [eve, bob] = [await signUp(baseUrl()), await signUp(baseUrl())];
  const before = stored();
  for (let i = 0; i < 150; i += 1) await write(eve, `veche ${i}`);
  for (let i = 0; i < 20; i += 1) {
    const path = i % 2 === 0 ? "/v1/posts" : "/v1/me/photos";
    expect((await upload(baseUrl(), eve, image, { path })).status).toBe(201);
  }
  expect((await setAvatar(baseUrl(), eve, image)).status).toBe(200);
  await api("POST", `/v1/friends/${bob.userId}/request`, eve);
  await api("POST", `/v1/friends/${eve.userId}/request`, bob);
  await api("POST", `/v1/follows/${eve.userId}`, bob);
  const chat = String((await api("POST", "/v1/chats", eve, { participant_id: bob.userId })).body.chat_id);
  await api("POST", `/v1/chats/${chat}/messages`, eve, { text: "I was here." });
  expect((await naming(eve.userId)).length).toBeGreaterThan(180);

  for (const node of ["photo", "posts-1", "posts-2"]) await cluster.node(node).kill();
  expect((await api("DELETE", "/v1/account", eve, { password: eve.password })).status).toBe(202);
  await sleep(2 * STALE_MS);
  expect(stored().size - before.size).toBe(21);
  expect((await naming(eve.userId)).filter((document) => document.startsWith("posts ")).length).toBe(160);
  for (const node of ["posts-1", "photo", "posts-2"]) await cluster.node(node).start();
  await eventually(async () => expect(await naming(eve.userId)).toEqual([]), { within: 90_000, every: 500 });
  expect(stored()).toEqual(before);
  const { body } = await api<{ messages: object[] }>("GET", `/v1/chats/${chat}/messages`, bob);
  expect(body.messages).toMatchObject([{ text: "I was here.", sender_id: null }]);
  expect(await readAll(bob, "/v1/feed")).toEqual([]);
}, 240_000);

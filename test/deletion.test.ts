// What is left of an account that was deleted: messages without an author.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { unavailable } from "../lib/errors.ts";
import type { Collection, Document } from "../mixins/collection/collection.ts";
import type { Deletions } from "../services/auth/deletion.ts";
import { eventually } from "./servers/eventually.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { request, type SignedUp, signUp, uniqueName } from "./support/http.ts";
import { jpeg, setAvatar, upload } from "./support/images.ts";

let veche: Embedded;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-deletion-"));
  veche = await startEmbedded({ STALE_AFTER_MS: "300", DATA_DIR: directory });
});
afterAll(async () => {
  await veche.stop();
  rmSync(directory, { recursive: true, force: true });
});

const api = <T = Record<string, unknown>>(method: string, path: string, user: SignedUp, body?: object) =>
  request<T>(veche.baseUrl, method, path, { token: user.accessToken, body });
const openChat = async (ann: SignedUp, bob: SignedUp) =>
  String((await api("POST", "/v1/chats", ann, { participant_id: bob.userId })).body.chat_id);
const makeRoom = async (ann: SignedUp) =>
  String((await api("POST", "/v1/rooms", ann, { name: uniqueName("r") })).body.id);
const say = (user: SignedUp, path: string, text: string) =>
  api("POST", `/v1/${path}/messages`, user, { text, nonce: "the-same" });

interface History {
  messages: { seq: number; type: string; text: string; sender_id: string | null }[];
}
const history = async (user: SignedUp, path: string) =>
  (await api<History>("GET", `/v1/${path}/messages?limit=100`, user)).body.messages
    .map(({ type, text, sender_id }) => [type, text, sender_id])
    .toReversed();

/** Until the account itself is gone: both rounds are over then. */
async function deleteAccount(user: SignedUp): Promise<void> {
  const { email, password } = user;
  expect((await api("DELETE", "/v1/account", user, { password })).status).toBe(202);
  await eventually(
    async () =>
      (await request(veche.baseUrl, "POST", "/v1/register", { body: { email, password } })).status === 201,
    { within: 60_000, every: 200 },
  );
}

const times = (count: number) => Array.from({ length: count }, (_, i) => i);

/** At most some at once. */
async function inTurns<T>(items: T[], width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Every document of every collection of every service. */
async function everything(): Promise<string[]> {
  const services = veche.broker.services as unknown as {
    collections?: Record<string, Collection<Document>>;
  }[];
  const documents: string[] = [];
  for (const { collections = {} } of services) {
    for (const [name, collection] of Object.entries(collections)) {
      let after: string | undefined;
      do {
        const portion: Document[] = await collection.page({
          prefix: "",
          limit: 1_000,
          ...(after === undefined ? {} : { after }),
        });
        documents.push(...portion.map((document) => `${name} ${JSON.stringify(document)}`));
        after = portion.length === 1_000 ? portion.at(-1)?._id : undefined;
      } while (after !== undefined);
    }
  }
  return documents;
}

const photoFiles = () =>
  existsSync(join(directory, "photos"))
    ? readdirSync(join(directory, "photos"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== "mark")
        .map(({ name }) => name)
    : [];

test("its messages stay, without its id; the other one of a chat can read on, but not write", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const chat = await openChat(ann, bob);
  for (let i = 0; i < 3; i++) {
    await api("POST", `/v1/chats/${chat}/messages`, ann, { text: `ann ${i}` });
    await api("POST", `/v1/chats/${chat}/messages`, bob, { text: `bob ${i}` });
  }
  await deleteAccount(ann);
  expect(await history(bob, `chats/${chat}`)).toEqual(
    [0, 1, 2].flatMap((i) => [
      ["message", `ann ${i}`, null],
      ["message", `bob ${i}`, bob.userId],
    ]),
  );
  await eventually(async () => {
    const { body } = await api("GET", `/v1/chats/${chat}`, bob);
    expect(body.participant_ids).toEqual([bob.userId]);
  });
  expect((await say(bob, `chats/${chat}`, "still there?")).status).toBe(412);
  expect((await api("POST", "/v1/chats", bob, { participant_id: ann.userId })).status).toBe(404);
  const everything = await Promise.all(
    ["/v1/chats", `/v1/chats/${chat}`, `/v1/chats/${chat}/members`, `/v1/chats/${chat}/messages`].map(
      async (path) => JSON.stringify((await api("GET", path, bob)).body),
    ),
  );
  expect(everything.join()).not.toContain(ann.userId);
});

test("a chat that both have left by deleting their accounts is gone", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const chat = await openChat(ann, bob);
  await say(ann, `chats/${chat}`, "hello");
  await Promise.all([deleteAccount(ann), deleteAccount(bob)]);
  await expect(
    veche.broker.call(
      "v1.chat.getChat",
      { id: chat },
      { meta: { user: { id: bob.userId, sessionId: "none", role: "user" } } },
    ),
  ).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("it leaves its rooms; one that it owned gets another owner, one that nobody else is in goes", async () => {
  const [ann, bob, cat] = [
    await signUp(veche.baseUrl),
    await signUp(veche.baseUrl),
    await signUp(veche.baseUrl),
  ];
  const [shared, lonely, bobs] = [await makeRoom(ann), await makeRoom(ann), await makeRoom(bob)];
  for (const user of [bob, cat]) await api("POST", `/v1/rooms/${shared}/join`, user);
  await api("PATCH", `/v1/rooms/${shared}/members/${cat.userId}`, ann, { role: "admin" });
  await api("POST", `/v1/rooms/${bobs}/join`, ann);
  await say(ann, `rooms/${shared}`, "hello");
  await deleteAccount(ann);
  // An admin before a member who came earlier.
  expect((await api("GET", `/v1/rooms/${shared}`, cat)).body).toMatchObject({
    owner_id: cat.userId,
    role: "owner",
  });
  expect((await api("GET", `/v1/rooms/${lonely}`, bob)).status).toBe(404);
  expect(await history(bob, `rooms/${shared}`)).toEqual([
    ["join", "", null],
    ["join", "", bob.userId],
    ["join", "", cat.userId],
    ["message", "hello", null],
    ["leave", "", null],
  ]);
  expect((await history(bob, `rooms/${bobs}`)).map(([type]) => type)).toEqual(["join", "join", "leave"]);
  const seen = await Promise.all(
    [`/v1/rooms/${shared}`, `/v1/rooms/${shared}/members`, "/v1/rooms", "/v1/rooms?public=true"].map(
      async (path) => JSON.stringify((await api("GET", path, bob)).body),
    ),
  );
  expect(seen.join()).not.toContain(ann.userId);
});

test("one that can't be deleted does not keep others from it", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const { deletions } = veche.broker.getLocalService({ name: "auth", version: 1 }) as unknown as {
    deletions: Deletions;
  };
  const advance = deletions.advance.bind(deletions);
  deletions.advance = async (account) => {
    if (account._id === ann.userId) throw unavailable();
    await advance(account);
  };
  const { email, password } = ann;
  expect((await api("DELETE", "/v1/account", ann, { password })).status).toBe(202);
  await deleteAccount(bob);
  deletions.advance = advance;
  await eventually(
    async () =>
      (await request(veche.baseUrl, "POST", "/v1/register", { body: { email, password } })).status === 201,
    { within: 20_000, every: 200 },
  );
});

test("of 1,000 posts, 100 photos and 500 friends nothing is left anywhere, but for anonymous messages", async () => {
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const image = await jpeg();
  const bobs = String((await upload(veche.baseUrl, bob, image)).body.id);
  const friends: SignedUp[] = [];
  await inTurns(times(500), 16, async () => {
    const friend = await signUp(veche.baseUrl);
    await api("POST", `/v1/friends/${friend.userId}/request`, ann);
    expect((await api("POST", `/v1/friends/${ann.userId}/request`, friend)).status).toBe(201);
    friends.push(friend);
  });
  await api("POST", `/v1/follows/${ann.userId}`, bob);
  await inTurns(times(970), 16, () => api("POST", "/v1/posts", ann, { text: "veche" }));
  await inTurns(times(100), 3, async (i) => {
    // 30 of them are images of posts.
    const shown = i < 30 ? { path: "/v1/posts", fields: { text: "Look!" } } : {};
    // A loaded machine may take too long for one.
    await eventually(async () => (await upload(veche.baseUrl, ann, image, shown)).status === 201);
  });
  await setAvatar(veche.baseUrl, ann, image);
  const chat = await openChat(ann, bob);
  await say(ann, `chats/${chat}`, "I was here.");
  const ofAnn = async () => (await everything()).filter((document) => document.includes(ann.userId));
  expect((await ofAnn()).length).toBeGreaterThan(1_000 + 100 + 3 * 500);

  await deleteAccount(ann);
  await eventually(async () => expect(await ofAnn()).toEqual([]), { within: 10_000, every: 200 });
  expect(photoFiles().every((name) => name.startsWith(bobs))).toBe(true);
  expect(await history(bob, `chats/${chat}`)).toEqual([["message", "I was here.", null]]);
  expect((await api<{ posts: [] }>("GET", "/v1/feed", bob)).body.posts).toEqual([]);
  const [friend] = friends;
  if (friend) expect((await api("GET", "/v1/friends", friend)).body.friend_user_ids).toEqual([]);
}, 240_000);

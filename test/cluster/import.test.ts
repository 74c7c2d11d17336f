import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { request } from "../support/http.ts";
import { Import } from "../support/importing.ts";
import { expectedOf, OLD_PASSWORD, writeChatServerFile } from "../support/old-chat-server.ts";

// The stand-in for MongoDB takes one command at a time: on a loaded machine this takes minutes.
const AMOUNTS = { users: 2_000, rooms: 40, messages: 20_000 };

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({
    nodes: { gateway: ["api"], core: allBut("api", "chat"), "chat-1": ["chat"], "chat-2": ["chat"] },
  });
});
afterAll(() => cluster?.stop());

test("an import over NATS is killed with -9 and resumed: everything is there, and once", async () => {
  const file = join(cluster.directory, "chat-server.ndjson");
  await writeChatServerFile(file, AMOUNTS);
  const env = { NATS_URL: cluster.nats.url };
  const killed = new Import(["chat-server", file], env);
  await killed.reached(50);
  killed.signal("SIGKILL");
  expect(await killed.ended()).toBeNull();
  const resumed = new Import(["chat-server", file], env);
  // A chat process that dies meanwhile: what it had under way is asked for again.
  await resumed.reached(70);
  await cluster.node("chat-1").kill();
  expect([await resumed.ended(), resumed.stderr]).toEqual([0, expect.any(String)]);
  expect(resumed.stdout).toMatch(/records in [\d.]+ s: [\d,]+\/s\.\nIt went on where/);

  const { baseUrl } = cluster.node("gateway");
  const read = <T>(path: string, token: string) => request<T>(baseUrl, "GET", path, { token });
  const signIn = async (user: number) => {
    const body = { email: `user${user}@example.com`, password: OLD_PASSWORD };
    return String((await request(baseUrl, "POST", "/v1/login", { body })).body.access_token);
  };
  const token = await signIn(AMOUNTS.users);
  expect(await countProfiles((path) => read(path, token))).toBe(AMOUNTS.users);

  const open = await read<{ rooms: Room[] }>("/v1/rooms?public=true&limit=100", token);
  expect(open.body.rooms).toHaveLength(AMOUNTS.rooms / 2);
  const expected = expectedOf(AMOUNTS);
  const seen = { messages: 0, joins: 0 };
  for (let room = 1; room <= AMOUNTS.rooms; room += 1) {
    // Its first member, who owns it.
    const owner = await signIn(1 + ((room * 31) % AMOUNTS.users));
    const { rooms } = (await read<{ rooms: Room[] }>("/v1/rooms?limit=100", owner)).body;
    const id = rooms.find(({ name }) => name === `Room ${room}`)?.id;
    const types = await readLog((after) => read(`/v1/rooms/${id}/messages?limit=100&after=${after}`, owner));
    seen.messages += types.filter((type) => type === "message").length;
    seen.joins += types.filter((type) => type === "join").length;
  }
  expect(seen).toEqual({ messages: expected.messages, joins: expected.joins });
}, 400_000);

interface Room {
  id: string;
  name: string;
}

type Read<T> = (path: string) => Promise<{ body: T }>;

async function countProfiles(
  read: Read<{ results: unknown[]; next_cursor: string | null }>,
): Promise<number> {
  let count = 0;
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body } = await read(`/v1/users?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
    count += body.results.length;
    cursor = body.next_cursor;
  }
  return count;
}

/** The types of all entries. That each text is there once, and no seq is left out, is looked at on the way. */
async function readLog(
  read: (after: number) => Promise<{ body: { messages: { seq: number; type: string; text: string }[] } }>,
): Promise<string[]> {
  const types: string[] = [];
  const texts = new Set<string>();
  for (;;) {
    const { messages } = (await read(types.length)).body;
    if (messages.length === 0) return types;
    for (const { seq, type, text } of messages) {
      expect(seq).toBe(types.length + 1);
      if (type === "message") expect(texts.has(text)).toBe(false);
      texts.add(text);
      types.push(type);
    }
  }
}

// Many people talk in several conversations while everything that can die is killed, in turn. At the end all have seen the same, and
// the database says so too: everything that was acknowledged, once, in order, without a hole.
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import mongoose from "mongoose";
import type { EntryDocument } from "../../services/chat/chat.store.ts";
import type { MemberDocument } from "../../services/rooms/rooms.store.ts";
import { allBut, type Cluster, startCluster } from "../servers/cluster.ts";
import { eventually } from "../servers/eventually.ts";
import { type Random, randomOf } from "../support/random.ts";
import { watchSockets } from "../support/strict-socket.ts";
import { Acknowledged, type Shown, Talker } from "../support/talkers.ts";

const TALKERS = 20;
const EACH_SENDS = 200;
const ROOMS = 3;
const VISITS = 5;

const NODES = {
  "gateway-1": ["api"],
  "gateway-2": ["api"],
  core: allBut("api", "chat", "rooms"),
  "chat-1": ["chat"],
  "chat-2": ["chat"],
  "rooms-1": ["rooms"],
  "rooms-2": ["rooms"],
};
const programOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let cluster: Cluster;
let talkers: Talker[] = [];
let sockets: ReturnType<typeof watchSockets>;
beforeEach(() => {
  sockets = watchSockets();
});
afterEach(async () => {
  await cluster?.stop();
  // What a failed test has not finished rejects, and nobody waits for it.
  for (const { live } of talkers) void live.close();
  talkers = [];
  sockets.stop();
});

/** @param program what all nodes run: the bus loses, repeats and swaps some of what is published */
const start = async (program: "rough.ts" | "unsharded.ts") => {
  // What a crash left is finished soon, and yet later than any request ends.
  const env = { SWEEP_INTERVAL_MS: "500", STALE_AFTER_MS: "10000", LOG_LEVEL: "warn" };
  cluster = await startCluster({ nodes: NODES, env, program: programOf(program) });
};

/** Any that runs; where a process is down, its port may be nobody's. */
const gateways = (random: Random) => () => {
  const running = ["gateway-1", "gateway-2"].map((name) => cluster.node(name)).filter((node) => node.running);
  return running.length > 0 ? random.pick(running).baseUrl : "http://127.0.0.1:9";
};

/** Three rooms with all of them in, and two chats of the first one with others. */
async function gather(random: Random): Promise<string[]> {
  const anyGateway = gateways(random);
  for (let i = 0; i < TALKERS; i++) talkers.push(await Talker.signUp(anyGateway));
  const [first, second, third] = talkers as [Talker, Talker, Talker];
  const conversations: string[] = [];
  for (let i = 0; i < ROOMS; i++) {
    const { id } = await first.client.createRoom({ name: `torture ${i} ${Date.now() % 1e6}` });
    for (const talker of talkers.slice(1)) await talker.client.joinRoom(id);
    for (const talker of talkers) talker.follow(id);
    conversations.push(id);
  }
  for (const [ann, bob] of [
    [first, second],
    [first, third],
  ] as const) {
    const id = await ann.client.openChat(bob.user);
    for (const talker of [ann, bob]) talker.follow(id);
    conversations.push(id);
  }
  return conversations;
}

/** One after the other, spread over the time that the talking takes. */
async function killEverything(random: Random, progress: () => number): Promise<string[]> {
  const either = (name: string) => cluster.node(`${name}-${1 + random.below(2)}`);
  const victims = random.shuffle([
    either("chat"),
    either("gateway"),
    either("rooms"),
    cluster.nats,
    cluster.mongo,
  ]);
  for (const [i, victim] of victims.entries()) {
    await eventually(() => progress() >= (0.8 * (i + random.next())) / victims.length, {
      within: 120_000,
      every: 10,
    });
    await victim.kill();
    await victim.start();
  }
  return victims.map(({ name }) => name);
}

/** Comes and goes, so that the logs have that too. */
async function visit(random: Random, rooms: string[]): Promise<void> {
  const visitor = await Talker.signUp(gateways(random));
  talkers.push(visitor);
  for (let i = 0; i < VISITS; i++) {
    const room = random.pick(rooms);
    await visitor.persist((client) => client.joinRoom(room));
    // Refused where a try that was not answered has done it already.
    await visitor.persist((client) => client.leaveRoom(room)).catch(() => {});
  }
}

const shownOf = (log: EntryDocument[]): Shown[] =>
  log
    .filter(({ target }) => target === undefined)
    .map(({ seq, type, text, sender_id, deleted = false }) => ({
      seq,
      type,
      text,
      sender: sender_id,
      deleted,
    }));

async function find<D extends object>(collection: "messages" | "room_members", filter: object): Promise<D[]> {
  const connection = await mongoose.createConnection(cluster.mongo.url).asPromise();
  try {
    const named = (await connection.listCollections()).find(({ name }) =>
      new RegExp(`(^|[._-])${collection}$`).test(name),
    );
    // What the services keep there.
    return (await connection.collection(String(named?.name)).find(filter).toArray()) as unknown as D[];
  } finally {
    await connection.close();
  }
}

const readLog = async (conversation: string): Promise<EntryDocument[]> =>
  (await find<EntryDocument>("messages", { conversation })).sort((a, b) => a.seq - b.seq);

/** Where a crash came between a membership and its entry, the sweep has appended it. */
const membershipsAreSettled = async (): Promise<boolean> =>
  (await find<MemberDocument>("room_members", {})).every((member) => member.unsettled_since === undefined);

async function torture(seed: number): Promise<void> {
  const random = randomOf(seed);
  const conversations = await gather(random);
  const acknowledged = new Acknowledged();
  const wanted = TALKERS * EACH_SENDS;
  const began = performance.now();
  const [killed] = await Promise.all([
    killEverything(random, () => acknowledged.count / wanted),
    visit(random, conversations.slice(0, ROOMS)),
    ...talkers.map((talker) => talker.talk(random, EACH_SENDS, acknowledged)),
  ]);
  const took = Math.round((performance.now() - began) / 1000);
  console.log(`seed ${seed}: ${acknowledged.count} messages in ${took} s; killed: ${killed.join(", ")}`);
  expect(acknowledged.count).toBe(wanted);
  await eventually(membershipsAreSettled, { within: 30_000, every: 500 });

  for (const conversation of conversations) {
    // What a crash left is applied by the sweep.
    const log = await eventually(
      async () => {
        const entries = await readLog(conversation);
        return entries.every(({ owed }) => owed === undefined) ? entries : false;
      },
      { within: 20_000, every: 500 },
    );
    const seqs = log.map((_, i) => i + 1);
    expect(log.map(({ seq }) => seq)).toEqual(seqs);
    const shown = shownOf(log);
    expect(shown.filter(({ type }) => type === "message")).toEqual(acknowledged.of(conversation));
    expect(log.map(({ messages }) => messages)).toEqual(
      log.map((_, i) => log.slice(0, i + 1).filter(({ type }) => type === "message").length),
    );
    for (const { views } of talkers) {
      const view = views.get(conversation);
      if (!view) continue;
      await eventually(() => view.seqs.length >= seqs.length, { within: 30_000 });
      expect(view.refusals).toEqual([]);
      expect(view.seqs).toEqual(seqs);
      expect(view.messages).toEqual(shown);
    }
    await listsAreRight(conversation, log);
    if (conversations.indexOf(conversation) < ROOMS) await membersAreRight(conversation, log);
  }
  expect(sockets.violations).toEqual([]);
}

/** Last message, unread count and order, for everybody who is in it. */
async function listsAreRight(conversation: string, log: EntryDocument[]): Promise<void> {
  const last = log.findLast(({ type }) => type === "message");
  for (const talker of talkers) {
    const { user, views } = talker;
    if (!views.has(conversation)) continue;
    const listed = await eventually(async () => {
      const { chats } = await talker.persist((client) => client.listChats());
      const { rooms } = await talker.persist((client) => client.listRooms());
      const times = chats.map(({ last_message }) => last_message?.sent_at_unix_ms ?? 0);
      expect(times).toEqual(times.toSorted((a, b) => b - a));
      const found = [...chats, ...rooms].find(({ id }) => id === conversation);
      expect(found?.last_message?.seq).toBe(last?.seq);
      return found;
    });
    // A send moves its sender's marker.
    const own = log.findLast(({ type, sender_id }) => type === "message" && sender_id === user);
    const joined = log.find(({ type, sender_id }) => type === "join" && sender_id === user);
    const read = Math.max(own?.messages ?? 0, joined?.messages ?? 0);
    expect(listed?.unread_count).toBe((last?.messages ?? 0) - read);
  }
}

/** Of each user joins and leaves take turns, and the last one says who is in. */
async function membersAreRight(room: string, log: EntryDocument[]): Promise<void> {
  const [first] = talkers as [Talker];
  const { members } = await first.persist((client) =>
    client.request<{ members: { user_id: string }[] }>("GET", `/v1/rooms/${room}/members?limit=100`),
  );
  const isIn = new Set(members.map(({ user_id }) => user_id));
  for (const { user } of talkers) {
    const moves = log.filter(
      ({ type, sender_id }) => sender_id === user && (type === "join" || type === "leave"),
    );
    moves.forEach(({ type }, i) => {
      expect(type).toBe(i % 2 ? "leave" : "join");
    });
    expect(isIn.has(user)).toBe(moves.at(-1)?.type === "join");
  }
}

const seeds = process.env.TORTURE_SEED
  ? [Number(process.env.TORTURE_SEED)]
  : [1, 2, 3].map((i) => (Date.now() * i) % 2 ** 31);

test.each(seeds)(
  "everything is killed in turn while twenty people talk (TORTURE_SEED=%i)",
  async (seed) => {
    await start("rough.ts");
    await torture(seed);
  },
  240_000,
);

test("the same with two processes that race for every seq", async () => {
  await start("unsharded.ts");
  await torture(seeds[0] ?? 1);
}, 240_000);

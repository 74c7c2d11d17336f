// What `npm run import` makes of times: history keeps its own, also where the older system does not tell them all.
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "@jest/globals";
import { removeDirectory } from "../test/servers/custody.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request } from "../test/support/http.ts";
import { workshop } from "../test/support/importing.ts";

const { directory, hash, user, write, run, signIn } = workshop("import-times");
afterAll(() => removeDirectory(directory));

const said = { record: "message", Type: "message" };
const room = (RoomID: number, more: object = {}) => ({
  ...{ record: "room", RoomID, Name: `Room ${RoomID}`, CreatorUID: 1, IsPrivate: false, ...more },
});
const time = (minute: number) => Date.UTC(2024, 2, 1, 10, minute);

interface Shown {
  sent_at_unix_ms: number;
  type: string;
}

/** The logs of a user's rooms, by the rooms' names. */
async function readLogs(name: string, email: string) {
  const veche = await startVeche({ name, directory });
  try {
    await veche.ready();
    const token = await signIn(veche.baseUrl, email);
    const get = async <B>(path: string) => (await request<B>(veche.baseUrl, "GET", path, { token })).body;
    const { rooms } = await get<{ rooms: { id: string; name: string; created_at_unix_ms: number }[] }>(
      "/v1/rooms",
    );
    const logs = new Map<string, { created: number; entries: [string, number][] }>();
    for (const { id, name: called, created_at_unix_ms } of rooms) {
      const { messages } = await get<{ messages: Shown[] }>(`/v1/rooms/${id}/messages?after=0`);
      logs.set(called, {
        created: created_at_unix_ms,
        entries: messages.map(({ type, sent_at_unix_ms }) => [type, sent_at_unix_ms]),
      });
    }
    return logs;
  } finally {
    await veche.kill();
  }
}

test("where a room, a member or an owner has no time, what was said keeps its own all the same", async () => {
  const file = write([
    user(1, { CreatedAt: undefined }),
    user(2, { CreatedAt: null }),
    user(3),
    room(1),
    room(2, { CreatorUID: 3 }),
    room(3, { CreatedAt: time(0) }),
    { record: "member", RoomID: 1, UID: 2 },
    { record: "member", RoomID: 2, UID: 2 },
    { ...said, ID: 1, RoomID: 1, UID: 1, Text: "First", Timestamp: time(1) },
    { record: "member", RoomID: 1, UID: 3 },
    { ...said, ID: 2, RoomID: 1, UID: 2, Text: "Second", Timestamp: time(2) },
    { record: "member", RoomID: 3, UID: 2 },
    { ...said, ID: 3, RoomID: 3, UID: 2, Text: "Third", Timestamp: time(3) },
  ]);
  const { code, stdout } = await run(["chat-server", file], "untold");
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("later time")]);
  const logs = await readLogs("untold", "name2@example.com");
  expect(logs.get("Room 1")).toEqual({
    created: time(1),
    entries: [
      ...[
        ["join", time(1)],
        ["join", time(1)],
        ["message", time(1)],
      ],
      // When nobody knows when it was, it was where it stands.
      ...[
        ["join", time(1)],
        ["message", time(2)],
      ],
    ],
  });
  // Nothing was said in it: it is as old as its owner.
  const owned = Date.UTC(2024, 0, 1);
  expect(logs.get("Room 2")).toEqual({
    created: owned,
    entries: [
      ["join", owned],
      ["join", owned],
    ],
  });
  expect(logs.get("Room 3")?.entries).toEqual([
    ["join", time(0)],
    ["join", time(0)],
    ["message", time(3)],
  ]);
});

test("a chat without a time begins with the first that was said in it", async () => {
  const someone = (user_id: string) => ({
    ...{ record: "user", user_id, email: `${user_id}@example.com`, password_hash: hash },
  });
  const wrote = { record: "message", chat_id: "c", sender_id: "u2", text: "Hello" };
  const file = write([
    ...[someone("u1"), someone("u2"), { record: "chat", chat_id: "c", user_ids: ["u1", "u2"] }],
    { ...wrote, id: "m1", sent_at_unix_ms: time(1) },
    { ...wrote, id: "m2", sent_at_unix_ms: time(2) },
  ]);
  expect((await run(["balun", file], "chats")).code).toBe(0);
  const veche = await startVeche({ name: "chats", directory });
  try {
    await veche.ready();
    const token = await signIn(veche.baseUrl, "u1@example.com");
    const { body } = await request(veche.baseUrl, "GET", "/v1/chats", { token });
    const last_message = { sent_at_unix_ms: time(2) };
    expect(body).toMatchObject({ chats: [{ created_at_unix_ms: time(1), last_message }] });
  } finally {
    await veche.kill();
  }
});

test("messages that stand behind later ones are counted, before and after", async () => {
  const file = write([
    ...[user(1), user(2), room(1, { CreatedAt: time(0) })],
    { record: "member", RoomID: 1, UID: 2, JoinedAt: time(5) },
    { ...said, ID: 1, RoomID: 1, UID: 1, Text: "Before", Timestamp: time(1) },
    { ...said, ID: 2, RoomID: 1, UID: 1, Text: "At once", Timestamp: time(5) },
    { ...said, ID: 3, RoomID: 1, UID: 1, Text: "Before", Timestamp: time(2) },
  ]);
  const why = "behind what is later in the same room or chat.\n";
  const dry = await run(["chat-server", file, "--dry-run"], "disordered");
  expect([dry.code, dry.stdout]).toEqual([
    0,
    expect.stringContaining(`2 messages would get a later time: ${why}`),
  ]);
  for (const options of [[], [], ["--again"]]) {
    const { code, stdout } = await run(["chat-server", file, ...options], "disordered");
    expect([code, stdout]).toEqual([0, expect.stringContaining(`2 messages got a later time: ${why}`)]);
  }
});

test("a time that is still to come is refused, of every record, and the rest keeps its own", async () => {
  const inAWeek = Date.now() + 7 * 24 * 3_600_000;
  const file = write([
    user(1),
    user(2, { CreatedAt: Number.MAX_SAFE_INTEGER }),
    user(3, { CreatedAt: 8_640_000_000_000_000 }),
    room(1, { CreatedAt: time(0) }),
    room(2, { CreatedAt: inAWeek }),
    { ...said, ID: 1, RoomID: 1, UID: 1, Text: "From afar", Timestamp: "2999-01-01T00:00:00Z" },
    { ...said, ID: 2, RoomID: 1, UID: 1, Text: "Here", Timestamp: time(1) },
  ]);
  for (const [options, message] of [
    [["--dry-run"], "message: 1 well-formed, 1 not\n"],
    [[], "1 × message: Timestamp: must not be in the future\n"],
  ] as const) {
    const { code, stdout } = await run(["chat-server", file, ...options], "ahead");
    expect([code, stdout]).toEqual([2, expect.stringContaining(message)]);
    expect(stdout).toContain("user: CreatedAt: must not be in the future\n");
    expect(stdout).toContain("room: CreatedAt: must not be in the future\n");
  }
  expect((await readLogs("ahead", "name1@example.com")).get("Room 1")?.entries).toEqual([
    ["join", time(0)],
    ["message", time(1)],
  ]);
  const posted = { record: "post", post_id: 1, creator_id: 1, text_content: "Soon", created_at: inAWeek };
  const dry = await run(["ego", write([posted]), "--dry-run"], "ahead");
  expect([dry.code, dry.stdout]).toEqual([
    2,
    expect.stringContaining("post: created_at: must not be in the future"),
  ]);
});

test("the query of docs/import.md puts members and messages into an order that keeps all times", async () => {
  const document = readFileSync(new URL("../docs/import.md", import.meta.url), "utf8");
  const [, query = ""] = document.match(/```sql\n([^`]*)```/) ?? [];
  const database = new DatabaseSync(":memory:");
  database.exec(`
    CREATE TABLE members (room_id INTEGER, uid INTEGER, joined_at TEXT);
    CREATE TABLE messages (id INTEGER, room_id INTEGER, uid INTEGER, text TEXT, sent_at TEXT);
    INSERT INTO members VALUES (1, 2, '2024-03-01T10:02:00Z'), (1, 3, NULL);
    INSERT INTO messages VALUES (2, 1, 2, 'and later', '2024-03-01T10:02:00Z'), (1, 1, 1, 'first', '2024-03-01T10:01:00Z');
  `);
  // PostgreSQL's name for it; the rest is standard.
  const rows = database.prepare(query.replaceAll("json_build_object", "json_object")).all();
  database.close();
  const file = write([user(1), user(2), user(3), room(1), ...rows.map(({ line }) => String(line))]);
  const { code, stdout } = await run(["chat-server", file], "queried");
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("later time")]);
  expect(stdout).toMatch(/message +2 +0 +0\nmember|member +2 +0 +0\nmessage/);
  expect((await readLogs("queried", "name1@example.com")).get("Room 1")?.entries).toEqual([
    ...[
      ["join", time(1)],
      ["join", time(1)],
      ["message", time(1)],
    ],
    ...[
      ["join", time(2)],
      ["message", time(2)],
    ],
  ]);
});

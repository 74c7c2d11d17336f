// `npm run import`, as one runs it: on a stopped Veche, whose files it writes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { removeDirectory } from "../test/servers/custody.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request, signUp } from "../test/support/http.ts";
import { Import, workshop } from "../test/support/importing.ts";
import { expectedOf, readHeld, writeChatServerFile } from "../test/support/old-chat-server.ts";

const { directory, user, write, run, signIn } = workshop("import");
afterAll(() => removeDirectory(directory));

test("killed with -9 and run again, it makes everything once; and again, it makes nothing", async () => {
  const amounts = { users: 1_500, rooms: 40, messages: 6_000 };
  const file = join(directory, "large.ndjson");
  await writeChatServerFile(file, amounts);
  const env = { DATA_DIR: join(directory, "killed") };
  for (const percent of [10, 50, 80]) {
    const killed = new Import(["chat-server", file], env);
    await killed.reached(percent);
    killed.signal("SIGKILL");
    expect(await killed.ended()).toBeNull();
  }
  const last = new Import(["chat-server", file], env);
  expect(await last.ended()).toBe(0);
  expect(last.stdout).toMatch(/records in [\d.]+ s: [\d,]+\/s\.\n/);
  expect(await readHeld(env.DATA_DIR)).toEqual(expectedOf(amounts));
  // The same records, without what is remembered of the file.
  const again = new Import(["chat-server", file, "--again"], env);
  expect(await again.ended()).toBe(0);
  expect(again.stdout).toMatch(/user +0 +1,500 +0\n(.*\n)*message +0 +6,000 +0\n/);
  expect(await readHeld(env.DATA_DIR)).toEqual(expectedOf(amounts));
});

test("Ctrl+C ends it after the batch under way, and it says how to go on", async () => {
  const file = join(directory, "large.ndjson");
  const env = { DATA_DIR: join(directory, "stopped") };
  const stopped = new Import(["chat-server", file], env);
  await stopped.reached(10);
  stopped.signal("SIGINT");
  expect(await stopped.ended()).toBe(1);
  expect(stopped.stderr).toContain("The same command goes on from here.");
  const last = new Import(["chat-server", file], env);
  expect(await last.ended()).toBe(0);
  expect(last.stdout).toContain("It went on where an earlier run had come to.");
  expect(await readHeld(env.DATA_DIR)).toEqual(expectedOf({ users: 1_500, rooms: 40, messages: 6_000 }));
});

test("a room reads as it did: who joined, what was said, and when", async () => {
  const said = { record: "message", RoomID: 7, Type: "message" };
  const file = write([
    ...[user(1), user(2), user(3)],
    {
      record: "room",
      RoomID: 7,
      Name: "Old room",
      CreatorUID: 1,
      IsPrivate: true,
      CreatedAt: "2024-02-01T10:00:00Z",
    },
    { ...said, ID: 1, UID: 1, Text: "Hello?", Timestamp: "2024-02-01T10:01:00Z" },
    { ...said, ID: 2, UID: 2, Type: "join", Text: "", Timestamp: "2024-02-01T10:02:00Z" },
    { ...said, ID: 3, UID: 2, Text: "Hello!", Timestamp: "2024-02-01T10:03:00.5Z" },
    // A clock that went back; and one that is ahead of ours.
    { ...said, ID: 4, UID: 1, Text: "Good.", Timestamp: "2024-02-01T10:02:30Z" },
    { record: "member", RoomID: 7, UID: 3, JoinedAt: 1_706_790_000_000 },
  ]);
  expect((await run(["chat-server", file], "reading")).code).toBe(0);
  const veche = await startVeche({ name: "reading", directory });
  try {
    await veche.ready();
    const token = await signIn(veche.baseUrl, "name2@example.com");
    const { body } = await request<{ rooms: Record<string, unknown>[] }>(veche.baseUrl, "GET", "/v1/rooms", {
      token,
    });
    expect(body.rooms).toMatchObject([
      {
        name: "Old room",
        is_private: true,
        role: "member",
        created_at_unix_ms: Date.UTC(2024, 1, 1, 10),
        unread_count: 1,
      },
    ]);
    const id = String(body.rooms[0]?.id);
    const history = await request<{ messages: Record<string, unknown>[] }>(
      veche.baseUrl,
      "GET",
      `/v1/rooms/${id}/messages?after=0`,
      { token },
    );
    const time = (minute: number, ms = 0) => Date.UTC(2024, 1, 1, 10, minute, 0, ms);
    expect(
      history.body.messages.map(({ seq, type, text, sent_at_unix_ms }) => [seq, type, text, sent_at_unix_ms]),
    ).toEqual([
      [1, "join", "", time(0)],
      [2, "message", "Hello?", time(1)],
      [3, "join", "", time(2)],
      [4, "message", "Hello!", time(3, 500)],
      [5, "message", "Good.", time(3, 500)],
      [6, "join", "", 1_706_790_000_000],
    ]);
    const sent = await request(veche.baseUrl, "POST", `/v1/rooms/${id}/messages`, {
      token,
      body: { text: "And today?" },
    });
    expect(sent).toMatchObject({ status: 201, body: { seq: 7 } });
    const found = await request(veche.baseUrl, "GET", "/v1/profile/by-nickname/name3", { token });
    expect(found).toMatchObject({ status: 200, body: { created_at_unix_ms: Date.UTC(2024, 0, 1) } });
  } finally {
    await veche.kill();
  }
});

test("a wrong system, file or option is told in one line, and nothing is touched", async () => {
  const file = write([user(1)]);
  const lines = [
    [await run(["icq", file], "untouched"), 'veche: There is no system "icq"; there are chat-server,'],
    [await run(["ego", join(directory, "nothing")], "untouched"), "can't be read: ENOENT"],
    [await run(["ego", write(["a,b,c"])], "untouched"), "is no file of ego: line 1 is not a JSON object."],
    [
      await run(["user-management", write([{ record: "room" }])], "untouched"),
      'is no file of user-management: line 1 has no "record" that is one of user.',
    ],
    [await run(["ego", write([])], "untouched"), "has no records."],
  ] as const;
  for (const [{ code, stderr }, said] of lines) {
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  const dry = await run(
    ["chat-server", write([user(1), user(2, { Email: "nobody" })]), "--dry-run"],
    "untouched",
  );
  expect(dry).toMatchObject({ code: 2 });
  expect(dry.stdout).toMatch(
    /^user: 1 well-formed, 1 not\nline 2: user: Email: .*\nNothing was written\.\n$/,
  );
  expect((await run(["--help"], "untouched")).code).toBe(0);
  expect((await run(["ego", file, "--twice"], "untouched")).code).toBe(1);
  expect(() => readFileSync(join(directory, "untouched", "lock"))).toThrow("ENOENT");
});

test("while Veche runs on the directory it is refused", async () => {
  const veche = await startVeche({ name: "running", directory });
  try {
    await veche.ready();
    await signUp(veche.baseUrl);
    const { code, stderr } = await run(["chat-server", write([user(1)])], "running");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^veche: DATA_DIR .* is in use by another Veche process/);
  } finally {
    await veche.kill();
  }
});

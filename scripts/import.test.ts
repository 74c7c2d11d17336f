// `npm run import`, as one runs it: on a stopped Veche, whose files it writes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import bcrypt from "bcrypt";
import { makeDirectory, removeDirectory } from "../test/servers/custody.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request, signUp } from "../test/support/http.ts";
import { Import } from "../test/support/importing.ts";
import { expectedOf, OLD_PASSWORD, readHeld, writeChatServerFile } from "../test/support/old-chat-server.ts";
import { runScript } from "../test/support/scripts.ts";

let directory: string;
let hash: string;
beforeAll(async () => {
  directory = makeDirectory("import");
  hash = await bcrypt.hash(OLD_PASSWORD, 4);
});
afterAll(() => removeDirectory(directory));

let files = 0;
function write(records: (object | string)[]): string {
  files += 1;
  const path = join(directory, `${files}.ndjson`);
  writeFileSync(
    path,
    records.map((each) => `${typeof each === "string" ? each : JSON.stringify(each)}\n`).join(""),
  );
  return path;
}

const run = (args: string[], name = "veche") =>
  runScript("import", args, { DATA_DIR: join(directory, name) });

async function signIn(baseUrl: string, email: string, password = OLD_PASSWORD): Promise<string> {
  const { body } = await request(baseUrl, "POST", "/v1/login", { body: { email, password } });
  return String(body.access_token);
}

const user = (UID: number, more: object = {}) => ({
  ...{ record: "user", UID, Username: `Name${UID}`, Email: `name${UID}@example.com` },
  ...{ PasswordHash: hash, CreatedAt: "2024-01-01T00:00:00Z", ...more },
});

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
  expect(last.stdout).toMatch(/records in [\d.]+ s: [\d,]+\/s\.\nIt went on where/);
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

test("what can't be taken is refused, by reason, into a file that can be mended and imported", async () => {
  await run(["chat-server", write([user(1), user(2)])], "refusing");
  const file = write([
    { record: "user", user_id: 1, username: "someone", user_email: "Name1@example.com", password_hash: hash },
    { record: "user", user_id: 2, username: "NAME2", user_email: "other@example.com", password_hash: hash },
    { record: "user", user_id: 3, username: "third", user_email: "third@example.com", password_hash: hash },
    {
      record: "user",
      user_id: 4,
      username: "fourth",
      user_email: "fourth@example.com",
      password_hash: "secret",
    },
    {
      record: "profile",
      user_id: 1,
      first_name: "Some",
      last_name: "One",
      gender: "male",
      birthday: "2001-02-03",
    },
    {
      record: "profile",
      user_id: 3,
      first_name: "Third",
      last_name: "",
      gender: null,
      birthday: "2001-02-03",
    },
    { record: "subscription", subscriber_id: 3, subscription_id: 3 },
    { record: "subscription", subscriber_id: 3, subscription_id: 9 },
    "{ not JSON",
    { record: "message" },
  ]);
  const { code, stdout } = await run(["ego", file], "refusing");
  expect(code).toBe(2);
  expect(stdout).toMatch(/user +1 +0 +3\n/);
  expect(stdout).toMatch(/profile +1 +0 +1\n/);
  expect(stdout).toContain("1 × user: this email is taken\n");
  expect(stdout).toContain("1 × user: this username is taken\n");
  expect(stdout).toContain("1 × user: password_hash: must be a bcrypt hash");
  expect(stdout).toContain("1 × subscription: it is of a user with itself\n");
  expect(stdout).toContain("1 × line: is not a JSON object\n");
  const refused = readFileSync(`${file}.refused.ndjson`, "utf8").trimEnd().split("\n");
  // Of each batch what is not well-formed comes first.
  expect(refused.map((line) => JSON.parse(line).line)).toEqual([4, 1, 2, 5, 9, 10, 8, 7]);
  expect(JSON.parse(refused[1] ?? "")).toMatchObject({
    refused: "this email is taken",
    record: "user",
    user_id: 1,
  });

  const mended = write([
    (refused[1] ?? "").replace("Name1@example.com", "someone@example.com"),
    refused[3] ?? "",
  ]);
  const second = await run(["ego", mended], "refusing");
  expect(second.stdout).toMatch(/user +1 +0 +0\nprofile +1 +0 +0\n/);
  expect(second.code).toBe(0);
});

test("an account that was deleted since does not come back, nor does who left a room", async () => {
  const records = [
    ...[user(1), user(2), user(3)],
    {
      record: "room",
      RoomID: 1,
      Name: "The room",
      CreatorUID: 1,
      IsPrivate: false,
      CreatedAt: "2024-02-01T10:00:00Z",
    },
    { record: "member", RoomID: 1, UID: 2, JoinedAt: "2024-02-01T10:00:00Z" },
    { record: "member", RoomID: 1, UID: 3, JoinedAt: "2024-02-01T10:00:00Z" },
    {
      record: "message",
      ID: 1,
      RoomID: 1,
      UID: 2,
      Type: "message",
      Text: "Hello",
      Timestamp: "2024-02-01T11:00:00Z",
    },
  ];
  await run(["chat-server", write(records)], "deleting");
  const veche = await startVeche({
    ...{ name: "deleting", directory },
    env: { STALE_AFTER_MS: "300", SWEEP_INTERVAL_MS: "100" },
  });
  await veche.ready();
  const token = await signIn(veche.baseUrl, "name2@example.com");
  const body = { password: OLD_PASSWORD };
  expect((await request(veche.baseUrl, "DELETE", "/v1/account", { token, body })).status).toBe(202);
  const third = await signIn(veche.baseUrl, "name3@example.com");
  const { rooms } = (
    await request<{ rooms: { id: string }[] }>(veche.baseUrl, "GET", "/v1/rooms", { token: third })
  ).body;
  await request(veche.baseUrl, "POST", `/v1/rooms/${rooms[0]?.id}/leave`, { token: third });
  // It is gone when its email is free again.
  await expect(
    (async () => {
      for (;;) {
        const answer = await request(veche.baseUrl, "POST", "/v1/register", {
          body: { email: "name2@example.com", password: "another person" },
        });
        if (answer.status === 201) return "free";
      }
    })(),
  ).resolves.toBe("free");
  await veche.stop();

  const { code, stdout } = await run(["chat-server", write([...records, user(4)])], "deleting");
  expect(stdout).toMatch(/user +1 +3 +0\n/);
  expect(stdout).toMatch(/member +0 +1 +1\n/);
  expect(stdout).toMatch(/message +0 +0 +1\n/);
  expect(stdout).toContain("its user was not imported, or has been deleted");
  expect(code).toBe(2);
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

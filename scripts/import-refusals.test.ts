// What `npm run import` does not take, and what it leaves alone.
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { removeDirectory } from "../test/servers/custody.ts";
import { eventually } from "../test/servers/eventually.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request } from "../test/support/http.ts";
import { workshop } from "../test/support/importing.ts";
import { OLD_PASSWORD } from "../test/support/old-chat-server.ts";

const { directory, hash, user, write, run, signIn } = workshop("import-refusals");
afterAll(() => removeDirectory(directory));

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
    env: { REGISTRATIONS_PER_ADDRESS_PER_HOUR: "100000", STALE_AFTER_MS: "300", SWEEP_INTERVAL_MS: "100" },
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
  const again = { email: "name2@example.com", password: "another person" };
  const register = () => request(veche.baseUrl, "POST", "/v1/register", { body: again });
  await eventually(async () => (await register()).status === 201, { within: 30_000, every: 100 });
  await veche.stop();

  const { code, stdout } = await run(["chat-server", write([...records, user(4)])], "deleting");
  expect(stdout).toMatch(/user +1 +3 +0\n/);
  expect(stdout).toMatch(/member +0 +1 +1\n/);
  expect(stdout).toMatch(/message +0 +0 +1\n/);
  expect(stdout).toContain("its user was not imported, or has been deleted");
  expect(code).toBe(2);
});

// docs/import.md says what the code does: its examples are imported, one after the other, and signed in to.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { makeDirectory, removeDirectory } from "../test/servers/custody.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request } from "../test/support/http.ts";
import { OLD_PASSWORD } from "../test/support/old-chat-server.ts";
import { runScript } from "../test/support/scripts.ts";
import { SYSTEMS } from "./import/systems.ts";

const directory = makeDirectory("import-document");
afterAll(() => removeDirectory(directory));

const text = readFileSync(new URL("../docs/import.md", import.meta.url), "utf8");
const section = (title: string) => text.split(`\n### ${title}\n`)[1]?.split("\n### ")[0] ?? "";
const example = (system: string) => section(system).match(/```ndjson\n([^`]*)```/)?.[1] ?? "";

test("it has a section for each system, with each of its records and their fields", () => {
  expect([...text.matchAll(/^### (.+)$/gm)].map(([, name]) => name)).toEqual(SYSTEMS.map(({ name }) => name));
  for (const { name, records } of SYSTEMS) {
    const rows = [...section(name).matchAll(/^\| `(\w+)` \| (.+) \|$/gm)];
    expect(rows.map(([, record]) => record)).toEqual(Object.keys(records));
  }
});

test("its command imports each example, and each of the users signs in with the password of then", async () => {
  const [, command = ""] = text.match(/```sh\nnpm run import -- (.+)\n```/) ?? [];
  expect(command).toBe("chat-server chat-server.ndjson");
  const emails: string[] = [];
  for (const { name } of SYSTEMS) {
    const file = join(directory, `${name}.ndjson`);
    writeFileSync(file, example(name));
    const { code, stdout } = await runScript("import", [name, file], { DATA_DIR: join(directory, "veche") });
    expect([name, stdout, code]).toEqual([name, expect.not.stringContaining("Refused"), 0]);
    const records = example(name)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const users = records.filter(({ record }) => record === "user");
    emails.push(...users.map(({ Email, email, user_email }) => Email ?? email ?? user_email));
  }
  expect(emails).toHaveLength(8);
  const veche = await startVeche({ name: "veche", directory });
  try {
    await veche.ready();
    for (const email of emails) {
      const body = { email, password: OLD_PASSWORD };
      expect((await request(veche.baseUrl, "POST", "/v1/login", { body })).status).toBe(200);
    }
    const send = async (email: string) => {
      const { body } = await request(veche.baseUrl, "POST", "/v1/login", {
        body: { email, password: OLD_PASSWORD },
      });
      const token = String(body.access_token);
      return async (path: string) => (await request(veche.baseUrl, "GET", path, { token })).body;
    };
    const bob = await send("bob@balun.example.com");
    expect(await bob("/v1/chats")).toMatchObject({
      chats: [{ last_message: { text: "Hello, Bob!", sent_at_unix_ms: 1709287301000 }, unread_count: 1 }],
    });
    const ann = await bob("/v1/profile/by-nickname/balun_ann");
    expect(ann).toMatchObject({ bio: "Hello!", avatar_url: null });
    expect(await bob("/v1/friends")).toMatchObject({ friend_user_ids: [ann.id] });
    const ego = await send("testemail@example.com");
    const me = await ego("/v1/me");
    expect(me).toMatchObject({ username: "testusername", first_name: "Test", birthday: "2023-07-18" });
    expect(await ego(`/v1/users/${me.id}/following`)).toMatchObject({ user_ids: [expect.any(String)] });
    const feed = await ego("/v1/feed");
    const post = { text: "My test text post!", created_at_unix_ms: Date.UTC(2024, 2, 1, 9) };
    expect(feed).toMatchObject({ posts: [post] });
    // What posts are found by came with them.
    expect(await ego("/v1/posts?query=first%20post")).toMatchObject({ posts: [{ text: "The first post" }] });
    expect(await (await send("ann@users.example.com"))("/v1/me")).toMatchObject({
      ...{ display_name: "Ann Smith", nickname: null, created_at_unix_ms: Date.UTC(2024, 2, 1, 9) },
    });
  } finally {
    await veche.kill();
  }
});

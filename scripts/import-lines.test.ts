// Lines that no program should have written: `npm run import` refuses them one by one, and takes the rest.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { removeDirectory } from "../test/servers/custody.ts";
import { workshop } from "../test/support/importing.ts";

const { directory, user, write, run } = workshop("import-lines");
afterAll(() => removeDirectory(directory));

const refusedOf = (file: string) =>
  readFileSync(`${file}.refused.ndjson`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a byte order mark is passed over; a first line that is none, or not UTF-8, is refused like any other", async () => {
  const marked = write([user(1), user(2)]);
  writeFileSync(marked, `\ufeff${readFileSync(marked, "utf8")}`);
  const first = await run(["chat-server", marked], "lines");
  expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/user +2 +0 +0\n/)]);

  const file = join(directory, "latin.ndjson");
  const latin = Buffer.from(`${JSON.stringify(user(4, { Email: "jos\u00e9@example.com" }))}\n`, "latin1");
  writeFileSync(file, Buffer.concat([Buffer.from("garbage\n"), latin, Buffer.from(JSON.stringify(user(3)))]));
  const dry = await run(["chat-server", file, "--dry-run"], "lines");
  expect([dry.code, dry.stdout]).toEqual([
    2,
    expect.stringContaining("line 1: line: is not a JSON object\nline 2: line: is not UTF-8\n"),
  ]);
  const { code, stdout } = await run(["chat-server", file], "lines");
  expect([code, stdout]).toEqual([2, expect.stringMatching(/user +1 +0 +0\n/)]);
  expect(stdout).toContain("1 × line: is not UTF-8\n");
  expect(refusedOf(file)).toMatchObject([
    { refused: "is not a JSON object", line: 1, text: "garbage" },
    { refused: "is not UTF-8", line: 2 },
  ]);
});

test("a record that is nested deeper than can be written anew is refused as it was, also when it comes again", async () => {
  const DEPTH = 100_000;
  const nested = `${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}`;
  const record = `{"record":"user","UID":9,"more":${nested}}`;
  const file = write([user(8), record, user(9)]);
  const { code, stdout } = await run(["chat-server", file], "deep");
  expect([code, stdout]).toEqual([2, expect.stringMatching(/user +2 +0 +1\n/)]);
  const refusals = `${file}.refused.ndjson`;
  const refused = readFileSync(refusals, "utf8");
  expect(refused).toMatch(
    /^\{"refused":"[^\n]+","line":2,"record":"user","UID":9,"more":\[{100000}\]{100000}\}\n$/,
  );
  const again = await run(["chat-server", refusals], "deep");
  expect([again.code, again.stdout]).toEqual([2, expect.stringMatching(/user +0 +0 +1\n/)]);
});

test("ids with colons are not taken for one another", async () => {
  const room = (RoomID: string) => ({
    ...{ record: "room", RoomID, Name: `Room of ${RoomID.length}`, CreatorUID: 1, IsPrivate: false },
  });
  const file = write([
    ...[user(1), user(2, { UID: "b:c" }), user(3, { UID: "c" }), room("a:b"), room("a")],
    { record: "member", RoomID: "a:b", UID: "c" },
    { record: "member", RoomID: "a", UID: "b:c" },
    // As long as ids can be.
    ...[user(4, { UID: ":".repeat(128) }), room("%".repeat(128))],
    { record: "member", RoomID: "%".repeat(128), UID: ":".repeat(128) },
  ]);
  const { code, stdout } = await run(["chat-server", file], "colons");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/member +3 +0 +0\n/)]);
});

test("what was refused is never removed, and where it is gone the summary says so", async () => {
  const refusedFirst = user(1, { Email: "nobody" });
  const file = write([refusedFirst, user(2)]);
  const refusals = `${file}.refused.ndjson`;
  const there = `They are in ${refusals}, each with its reason.`;
  const gone = `but ${refusals} is not there any more as it was: --again brings them all.`;
  expect((await run(["chat-server", file], "kept")).stdout).toContain(there);
  expect((await run(["chat-server", file], "kept")).stdout).toContain(there);
  // It is mended where it stands, which is no longer what was written.
  const mended = readFileSync(refusals, "utf8").replace("nobody", "somebody@example.com");
  writeFileSync(refusals, mended);
  expect((await run(["chat-server", file], "kept")).stdout).toContain(gone);
  expect(readFileSync(refusals, "utf8")).toBe(mended);

  // The same bytes under another name: the refusals stand beside the first.
  const moved = join(directory, "moved.ndjson");
  renameSync(file, moved);
  const { code, stdout } = await run(["chat-server", moved], "kept");
  expect([code, stdout]).toEqual([2, expect.stringContaining("--again brings them all.")]);
  expect(existsSync(`${moved}.refused.ndjson`)).toBe(false);
  const again = await run(["chat-server", moved, "--again"], "kept");
  expect(again.stdout).toContain(`They are in ${moved}.refused.ndjson, each with its reason.`);
  expect(refusedOf(moved)).toMatchObject([{ line: 1, Email: "nobody" }]);

  // Another content under the same name.
  writeFileSync(moved, `${JSON.stringify(user(5, { Email: "none" }))}\n${JSON.stringify(user(6))}\n`);
  await run(["chat-server", moved], "kept");
  expect(refusedOf(moved)).toMatchObject([{ Email: "none" }]);
  expect(readFileSync(join(directory, "moved.ndjson.refused.1.ndjson"), "utf8")).toContain("nobody");
});

// The commands of docs/photos.md and docs/social.md work as they are written, and the limits are those of the code.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { MAX_FRAMES, MAX_SIDE } from "../services/photo/imaging/protocol.ts";
import { type Embedded, startEmbedded } from "./support/embedded.ts";
import { type SignedUp, signUp } from "./support/http.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

let veche: Embedded;
let ann: SignedUp;
let bob: SignedUp;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "veche-guides-"));
  veche = await startEmbedded();
  [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
});
afterAll(async () => {
  await veche.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** @returns what the commands of a document say, a line each */
async function run(file: string): Promise<string[]> {
  const [, field = ""] = read("README.md").match(/^(field\(\) .*)$/m) ?? [];
  const commands = [...read(file).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? "");
  // A line feed after each answer.
  const script = [field, 'curl() { command curl "$@"; echo; }', ...commands];
  const here = script.join("\n").replaceAll("localhost:3000", new URL(veche.baseUrl).host);
  const { stdout } = await promisify(execFile)(
    "bash",
    ["-euo", "pipefail", "-c", here.replaceAll("/tmp/", `${directory}/`)],
    {
      cwd: root,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}`,
        ...{ ANN: ann.accessToken, BOB: bob.accessToken, BOB_ID: bob.userId },
      },
      timeout: 60_000,
    },
  );
  return stdout.split("\n").filter((line) => line !== "");
}

test("those of photos", async () => {
  const [photo = "", thumb, full, gallery = "", deleted, avatar = ""] = await run("docs/photos.md");
  const shown = { user_id: ann.userId, width: 640, height: 400, content_type: "image/jpeg" };
  expect(JSON.parse(photo)).toMatchObject(shown);
  expect([thumb, full, deleted]).toEqual(["200 image/webp", "200 image/jpeg", "204"]);
  expect(JSON.parse(gallery)).toMatchObject({ photos: [{ id: JSON.parse(photo).id }] });
  expect(JSON.parse(avatar)).toMatchObject(shown);
});

test("those of friends and follows", async () => {
  const [requests = "", accepted = "", friends = "", followed, followers = "", counts = ""] =
    await run("docs/social.md");
  expect(JSON.parse(requests)).toMatchObject({ requests: [{ from_user_id: ann.userId, status: "PENDING" }] });
  expect(JSON.parse(accepted)).toMatchObject({ status: "ACCEPTED" });
  expect(JSON.parse(friends)).toMatchObject({ friend_user_ids: [bob.userId] });
  expect(followed).toBe("204");
  expect(JSON.parse(followers)).toMatchObject({ user_ids: [ann.userId] });
  expect(JSON.parse(counts)).toEqual({ friends_count: 1, followers_count: 1, following_count: 0 });
});

test("the limits of photos", () => {
  const rows = [...read("docs/photos.md").matchAll(/^\| ([^|]+) \| ([^|]+) \| (\d+) \|$/gm)];
  const limits = Object.fromEntries(rows.map(([, what, limit]) => [what, limit]));
  expect(limits).toMatchObject({
    "pixels, wide or high": MAX_SIDE.toLocaleString("en"),
    "frames of an animation": String(MAX_FRAMES),
  });
});

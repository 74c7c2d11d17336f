// docs/posts.md says what the code does, and its commands work as they are written.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { MAX_FOLLOWED } from "../services/posts/feed.ts";
import { MAX_TEXT } from "../services/posts/posts.contract.ts";
import { startEmbedded } from "./support/embedded.ts";
import { signUp } from "./support/http.ts";
import { jpeg } from "./support/images.ts";

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const text = read("docs/posts.md");

test("its limits are those of the code", () => {
  for (const limit of [
    `1 to ${MAX_TEXT.toLocaleString("en")}`,
    `of the ${MAX_FOLLOWED.toLocaleString("en")} whom`,
  ]) {
    expect(text).toContain(limit);
  }
});

test("its commands work", async () => {
  const directory = mkdtempSync(join(tmpdir(), "veche-posts-document-"));
  const veche = await startEmbedded();
  try {
    writeFileSync(join(directory, "photo.jpg"), await jpeg());
    const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
    const [, field = ""] = read("README.md").match(/^(field\(\) .*)$/m) ?? [];
    const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? "");
    // A line feed after each answer.
    const script = [field, 'curl() { command curl "$@"; echo; }', ...commands].join("\n");
    const { stdout } = await promisify(execFile)(
      "bash",
      ["-euo", "pipefail", "-c", script.replaceAll("localhost:3000", new URL(veche.baseUrl).host)],
      {
        cwd: directory,
        env: { PATH: process.env.PATH ?? "", ANN: ann.accessToken, BOB: bob.accessToken, BOB_ID: bob.userId },
        timeout: 20_000,
      },
    );
    const [withImage, without, , feed, beginning, word] = stdout
      .trim()
      .split("\n")
      .map((line) => (line === "" ? null : JSON.parse(line)));
    expect(withImage).toMatchObject({ author_id: bob.userId, image: { width: 64, height: 48 } });
    expect(without).toMatchObject({ id: withImage.id, text: withImage.text, image: null });
    for (const page of [feed, beginning, word]) expect(page).toEqual({ posts: [without], next_cursor: null });
  } finally {
    await veche.stop();
    rmSync(directory, { recursive: true });
  }
});

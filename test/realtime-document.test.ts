// docs/realtime.md says what the code does.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { CLOSE, CLOSE_MEANINGS, DEFAULT_LIMITS } from "../services/api/realtime/limits.ts";
import { eventually } from "./servers/eventually.ts";
import { startEmbedded } from "./support/embedded.ts";
import { request, signUp } from "./support/http.ts";

const text = readFileSync(new URL("../docs/realtime.md", import.meta.url), "utf8");
const section = (title: string) => text.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
const secondColumn = (table: string) =>
  [...table.matchAll(/^\| [^|]+ \| ([^|]+) \|$/gm)].slice(2).map(([, value]) => value);

test("its limits are those of the code", () => {
  const limits = DEFAULT_LIMITS;
  expect(secondColumn(section("Limits"))).toEqual([
    `${limits.frameBytes / 1024} KiB`,
    `${limits.framesPerSecond}`,
    `${limits.bufferedBytes / 1024} KiB`,
    `${limits.connectionsPerUser}`,
    `${limits.subscriptionsPerConnection}`,
    `${limits.pendingSends}`,
    `${limits.authDeadlineMs / 1000} s`,
    `${limits.heartbeatMs / 1000} s`,
    `${limits.closeMs / 1000} s`,
    `${limits.tailCheckMs / 1000} s`,
  ]);
  expect(Object.keys(limits)).toHaveLength(10);
});

test("its close codes are those of the code, and ws's own for a frame too large", () => {
  const codes = [...section("Close codes").matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual([...Object.values(CLOSE), 1009].sort((a, b) => a - b));
  const rows = [...section("Close codes").matchAll(/^\| (\d+) \| ([^|]+) \| ([^|]+) \|$/gm)];
  const meanings = rows.map(([, code, meaning, what]) => [code, `${meaning}: ${what}`]);
  const known = Object.entries(CLOSE_MEANINGS).map(([code, meaning]) => [
    code,
    meaning.charAt(0).toLowerCase() + meaning.slice(1),
  ]);
  expect(meanings).toEqual(known);
});

test("its example of server-sent events works", async () => {
  const [, example = ""] = text.match(/```sh\n(curl [^`]*)```/) ?? [];
  const veche = await startEmbedded();
  const [ann, bob] = [await signUp(veche.baseUrl), await signUp(veche.baseUrl)];
  const token = ann.accessToken;
  const body = { participant_id: bob.userId };
  const chat = String((await request(veche.baseUrl, "POST", "/v1/chats", { token, body })).body.chat_id);
  await request(veche.baseUrl, "POST", `/v1/chats/${chat}/messages`, {
    token,
    body: { text: "Hello, Bob!" },
  });
  const command = `exec ${example.replace("localhost:3000", new URL(veche.baseUrl).host)}`;
  const curl = spawn("sh", ["-c", command], { env: { ...process.env, CHAT: chat, BOB: bob.accessToken } });
  try {
    let output = "";
    curl.stdout.setEncoding("utf8").on("data", (piece) => {
      output += piece;
    });
    await eventually(() => output.includes("Hello, Bob!"));
    expect(output).toMatch(/^retry: \d+\n\nid: 1\nevent: message\ndata: \{"op":"message",.*\}\n\n$/);
  } finally {
    curl.kill();
    await veche.stop();
  }
});

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { makeDirectory, removeDirectory } from "../servers/custody.ts";
import { eventually } from "../servers/eventually.ts";
import { startVeche, type Veche } from "../servers/processes.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

let veche: Veche;
const directory = makeDirectory("documents");
beforeAll(async () => {
  veche = await startVeche({ name: "readme" });
  await veche.ready();
});
afterAll(async () => {
  await veche?.remove();
  removeDirectory(directory);
});

/** The blocks of a document in one language. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code ?? "");

function shell(script: string, cwd = root): Promise<{ code: number; out: string; complaint: string }> {
  return new Promise((done) => {
    execFile("bash", ["-euo", "pipefail", "-c", script], { cwd, timeout: 30_000 }, (error, stdout, stderr) =>
      done({ code: error ? 1 : 0, out: stdout, complaint: stderr }),
    );
  });
}

test("the README's shell commands work as they are written, and its frames too", async () => {
  const readme = read("README.md");
  const [talk = "", live = ""] = blocks(readme, "sh").filter((block) => block.includes("localhost:3000"));
  const [frames = ""] = blocks(readme, "json");
  const here = new URL(veche.baseUrl).host;
  const script = talk.replaceAll("localhost:3000", here);
  const { code, out, complaint } = await shell(`${script}\necho; echo "$CHAT $BOB"`);
  expect({ code, complaint }).toMatchObject({ code: 0 });
  expect(out).toContain('"text":"Hello, Bob!"');
  const [chat = "", token = ""] = (out.trim().split("\n").at(-1) ?? "").split(" ");

  // What wscat would connect to and send.
  const url = /"(ws:[^"]*)"/.exec(live)?.[1]?.replace("localhost:3000", here).replace("$BOB", token);
  const socket = new WebSocket(url ?? "");
  const received: { op: string; text?: string }[] = [];
  socket.on("message", (frame) => received.push(JSON.parse(String(frame)) as { op: string }));
  await eventually(() => expect(received).toContainEqual(expect.objectContaining({ op: "ready" })));
  for (const frame of frames.trim().split("\n")) socket.send(frame.replace("<chat>", chat));
  await eventually(() => received.some(({ op, text }) => op === "message" && text === "Hello, Ann!"));
  expect(received.map(({ op }) => op)).toEqual(expect.arrayContaining(["subscribed", "ack"]));
  socket.close();
});

test("every npm script that a document names is there, and the other way round", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const documents = [
    "README.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(root, "docs"))
      .filter((f) => f.endsWith(".md"))
      .map((f) => `docs/${f}`),
  ];
  const named = new Set(
    documents.flatMap((file) =>
      [...read(file).matchAll(/npm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name),
    ),
  );
  const known = Object.keys(scripts).filter((name) => !/^pre/.test(name));
  for (const name of named) expect(known).toContain(name);
  for (const name of known) expect(named).toContain(name);
});

test("every link from a document to a file leads somewhere", () => {
  for (const file of [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...readdirSync(join(root, "docs"), { recursive: true }).map((f) => `docs/${f}`),
  ]) {
    if (!file.endsWith(".md")) continue;
    for (const [, target = ""] of read(file).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!/^https?:/.test(target))
        expect([target, existsSync(join(root, dirname(file), target))]).toEqual([target, true]);
    }
  }
});

test("the key commands make keys that a process takes", async () => {
  const [commands = ""] = blocks(read("docs/operations.md"), "sh").filter((block) =>
    block.includes("genpkey"),
  );
  const { code } = await shell(commands, directory);
  expect(code).toBe(0);
  const keyed = await startVeche({
    name: "keyed",
    env: { JWT_SECRET: "", JWT_KEYS_DIR: join(directory, "keys") },
  });
  await keyed.ready();
  const jwks = (await (await fetch(`${keyed.baseUrl}/.well-known/jwks.json`)).json()) as { keys: object[] };
  expect(jwks.keys).toMatchObject([{ alg: "ES256", use: "sig", kty: "EC" }]);
  const registered = await fetch(`${keyed.baseUrl}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "ann@example.com", password: "correct horse" }),
  });
  const { access_token } = (await registered.json()) as { access_token: string };
  const me = await fetch(`${keyed.baseUrl}/v1/me`, { headers: { authorization: `Bearer ${access_token}` } });
  expect(me.status).toBe(200);
  await keyed.remove();
});

// REFRESH_SECRET is changed in two steps, so that processes before and after it take each other's tokens.
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { makeDirectory, removeDirectory } from "./servers/custody.ts";
import { startVeche } from "./servers/processes.ts";

const directory = makeDirectory("refresh-secret");
afterAll(() => removeDirectory(directory));

const OLD = "the old secret, of 32 characters and more";
const NEW = "the new secret, of 32 characters and more";

let token = "";

/** Runs Veche with these secrets, one after the other on the same sessions, for one request. @returns its status */
async function ask(secrets: Record<string, string>, path: string, body: object): Promise<number> {
  const env = { ...secrets, DATA_DIR: join(directory, "kept") };
  const veche = await startVeche({ name: "veche", directory, env });
  await veche.ready();
  const answer = await fetch(veche.baseUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.ok) token = ((await answer.json()) as { refresh_token: string }).refresh_token;
  expect((await veche.stop()).code).toBe(0);
  return answer.status;
}

const refresh = (secrets: Record<string, string>) => ask(secrets, "/v1/refresh", { refresh_token: token });

test("what the new secret signs is taken where it is set as the previous one, and not where only the old one is", async () => {
  const account = { email: "ann@example.com", password: "correct horse" };
  expect(await ask({ REFRESH_SECRET: OLD }, "/v1/register", account)).toBe(201);
  expect(await refresh({ REFRESH_SECRET: NEW, REFRESH_SECRET_PREVIOUS: OLD })).toBe(200);
  expect(await refresh({ REFRESH_SECRET: OLD })).toBe(401);
  expect(await refresh({ REFRESH_SECRET: OLD, REFRESH_SECRET_PREVIOUS: NEW })).toBe(200);
  expect(await refresh({ REFRESH_SECRET: NEW, REFRESH_SECRET_PREVIOUS: OLD })).toBe(200);
  expect(await refresh({ REFRESH_SECRET: NEW })).toBe(200);
});

import { expect, test } from "@jest/globals";
import { eventually } from "../../test/servers/eventually.ts";
import { startSignInServer } from "../../test/support/mongo-accounts.ts";
import { things } from "../../test/support/things.ts";
import { type Logger, openCollection } from "./collection.ts";

const ATLAS = { ok: 0, code: 8000, codeName: "AtlasError", errmsg: "bad auth : authentication failed" };

function logger() {
  const warnings: string[] = [];
  const warn = (...words: unknown[]) => void warnings.push(words.join(" "));
  return { warnings, logger: { debug() {}, info() {}, error() {}, warn } satisfies Logger };
}

test.each([
  ["MongoDB", undefined],
  ["Atlas", ATLAS],
])(
  "a start waits while %s refuses the password, says so, and goes on when it is taken",
  async (_, refusal) => {
    const server = await startSignInServer();
    if (refusal) server.refusal = refusal;
    const told = logger();
    const opening = openCollection(things("signed"), { mongoUrl: server.url }, told.logger);
    opening.catch(() => {});
    await eventually(() => server.refused >= 2 || Promise.race([opening, false]));
    expect(told.warnings).toEqual([
      expect.stringMatching(/^MongoDB refuses .* MONGO_URL; trying again\. .*/),
    ]);
    expect(told.warnings.join()).not.toContain("right");

    server.password = "right";
    const collection = await opening;
    await collection.close();
    server.close();
  },
);

test("what will not pass ends the start", async () => {
  const server = await startSignInServer();
  server.refusal = { ok: 0, code: 8000, codeName: "AtlasError", errmsg: "no such database" };
  const opening = openCollection(things("signed"), { mongoUrl: server.url }, logger().logger);
  await expect(opening).rejects.toThrow("no such database");
  server.close();
});

import { expect, test } from "@jest/globals";
import { Passwords } from "./passwords.ts";

const passwords = new Passwords(4);

test("only the right password matches", async () => {
  const hash = await passwords.hash("correct horse");
  expect(await passwords.matches("correct horse", hash)).toBe(true);
  expect(await passwords.matches("correct Horse", hash)).toBe(false);
  expect(await passwords.matches("correct horse", undefined)).toBe(false);
});

test("what follows the 72nd byte counts", async () => {
  const long = "п".repeat(100);
  const hash = await passwords.hash(long);
  expect(await passwords.matches(`${long}x`, hash)).toBe(false);
  expect(await passwords.matches(long, hash)).toBe(true);
});

test("a hash of another cost is outdated", async () => {
  const hash = await passwords.hash("correct horse");
  expect(passwords.isOutdated(hash)).toBe(false);
  expect(new Passwords(5).isOutdated(hash)).toBe(true);
});

test("a flood is refused instead of queued for ever, and those who wait get their turn", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, () => passwords.hash("correct horse")),
  );
  const refused = outcomes.filter(({ status }) => status === "rejected");
  expect(refused.length).toBe(60 - 2 - 24);
  expect(refused[0]).toMatchObject({ reason: { type: "RESOURCE_EXHAUSTED" } });
  await expect(passwords.hash("correct horse")).resolves.toMatch(/^\$2/);
});

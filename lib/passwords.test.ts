import { expect, test } from "@jest/globals";
import bcrypt from "bcrypt";
import { BcryptHashSchema, bareHash, Passwords } from "./passwords.ts";

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

test.each(["$2a$", "$2b$", "$2y$"])(
  "a hash of another system that begins with %s matches, and is outdated",
  async (kind) => {
    const theirs = (await bcrypt.hash("correct horse", 4)).replace(/^\$2b\$/, () => kind);
    expect(BcryptHashSchema.safeParse(theirs).success).toBe(true);
    const kept = bareHash(theirs);
    expect(await passwords.matches("correct horse", kept)).toBe(true);
    expect(await passwords.matches("correct Horse", kept)).toBe(false);
    expect(passwords.isOutdated(kept)).toBe(true);
    // Without the mark it would be taken for one of our own.
    expect(await passwords.matches("correct horse", theirs.replace("$2y$", "$2b$"))).toBe(false);
  },
);

test("what is no bcrypt hash, or one that takes minutes, is none", async () => {
  const hash = await bcrypt.hash("correct horse", 4);
  for (const wrong of [
    "",
    "secret",
    hash.slice(1),
    `${hash}x`,
    hash.replace("$04$", "$17$"),
    hash.replace("b", "x"),
  ]) {
    expect(BcryptHashSchema.safeParse(wrong).success).toBe(false);
  }
});

test("a wrong password takes as much work for a cheap imported hash as where there is no account", async () => {
  const costly = new Passwords(9);
  const cheap = bareHash(await bcrypt.hash("correct horse", 5));
  const own = await costly.hash("correct horse");
  // Of the processor and not of the clock: other work on the machine does not count.
  const least = new Map<string | undefined, number>();
  for (let round = 0; round < 8; round += 1) {
    for (const hash of [undefined, own, cheap]) {
      const before = process.cpuUsage();
      expect(await costly.matches("correct Horse", hash)).toBe(false);
      const { user, system } = process.cpuUsage(before);
      least.set(hash, Math.min(user + system, least.get(hash) ?? Number.POSITIVE_INFINITY));
    }
  }
  const nobody = least.get(undefined) ?? 0;
  for (const hash of [own, cheap]) {
    // Without the padding the cheap one would be at a sixteenth.
    expect((least.get(hash) ?? 0) / nobody).toBeGreaterThan(0.5);
    expect((least.get(hash) ?? 0) / nobody).toBeLessThan(2);
  }
});

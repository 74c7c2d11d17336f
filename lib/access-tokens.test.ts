import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, jest, test } from "@jest/globals";
import jwt from "jsonwebtoken";
import { AccessTokens } from "./access-tokens.ts";
import type { Caller } from "./contract.ts";
import { newSessionId, newUserId } from "./ids.ts";
import { directoryKeyRing, secretKeyRing } from "./keys.ts";

const directory = mkdtempSync(join(tmpdir(), "veche-keys-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SECRET = "0123456789abcdef0123456789abcdef";
const caller: Caller = { id: newUserId(), sessionId: newSessionId(), role: "user" };

function writeKey(kid: string, half: "private" | "public", type: "rsa" | "ec", into = directory) {
  const { privateKey, publicKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(
    join(into, `${kid}.${half}.pem`),
    half === "private"
      ? privateKey.export({ type: "pkcs8", format: "pem" })
      : publicKey.export({ type: "spki", format: "pem" }),
  );
  return privateKey;
}

test("a token brings its caller back", () => {
  const tokens = new AccessTokens(secretKeyRing(SECRET));
  expect(tokens.check(tokens.sign(caller, 60)).caller).toEqual(caller);
});

test("what is no token of ours is refused, also the second time", () => {
  const tokens = new AccessTokens(secretKeyRing(SECRET));
  const claims = { sub: caller.id, sid: caller.sessionId, role: "admin", iss: "veche" };
  const options = { expiresIn: 60 };
  for (const token of [
    "",
    "garbage",
    "a.b.c",
    jwt.sign(claims, "another secret, also of 32 characters", options),
    jwt.sign(claims, "", { ...options, algorithm: "none" }),
    jwt.sign({ ...claims, iss: "someone" }, SECRET, options),
    jwt.sign({ ...claims, sid: undefined }, SECRET, options),
    jwt.sign(claims, SECRET, { expiresIn: -1 }),
    jwt.sign(claims, SECRET),
    jwt.sign(claims, SECRET, { ...options, keyid: "other" }),
  ]) {
    expect(() => tokens.check(token)).toThrow(/not valid|expired/);
    expect(() => tokens.check(token)).toThrow(/not valid|expired/);
  }
});

test("keys rotate: the last kid signs, all check, and a public key is no HMAC secret", () => {
  const old = writeKey("2025-01", "private", "rsa");
  writeKey("2025-02", "private", "ec");
  const keys = directoryKeyRing(directory);
  const tokens = new AccessTokens(keys);

  const signed = tokens.sign(caller, 60);
  expect(jwt.decode(signed, { complete: true })?.header).toMatchObject({ kid: "2025-02", alg: "ES256" });
  expect(tokens.check(signed).caller).toEqual(caller);

  const claims = { sub: caller.id, sid: caller.sessionId, role: "user", iss: "veche" };
  const older = jwt.sign(claims, old, { algorithm: "RS256", keyid: "2025-01", expiresIn: 60 });
  expect(tokens.check(older).caller).toEqual(caller);

  const jwk = keys.publicKeys().find(({ kid }) => kid === "2025-01");
  expect(jwk).toMatchObject({ kty: "RSA", alg: "RS256", use: "sig" });
  expect(JSON.stringify(keys.publicKeys())).not.toMatch(/"[dpq]":/);
  const confused = jwt.sign(claims, JSON.stringify(jwk), {
    algorithm: "HS256",
    keyid: "2025-01",
    expiresIn: 60,
  });
  expect(() => tokens.check(confused)).toThrow("not valid");
});

test.each([
  [["9", "10"], "10"],
  [["key-9", "key-10", "key-2"], "key-10"],
  [["2026-9", "2026-10"], "2026-10"],
  [["2026-01", "2026-01-b"], "2026-01-b"],
  [["2025-12", "2026-01"], "2026-01"],
  [["a", "b"], "b"],
])("of %j, %s signs", (kids, last) => {
  const numbered = mkdtempSync(join(tmpdir(), "veche-keys-"));
  for (const kid of kids) writeKey(kid, "private", "ec", numbered);
  expect(directoryKeyRing(numbered).signing().kid).toBe(last);
  rmSync(numbered, { recursive: true });
});

test("a directory with a file that is no key says which", () => {
  const broken = mkdtempSync(join(tmpdir(), "veche-keys-"));
  expect(() => directoryKeyRing(broken)).toThrow("has no");
  writeFileSync(join(broken, "k.private.pem"), "not a key");
  expect(() => directoryKeyRing(broken)).toThrow();
  rmSync(broken, { recursive: true });
});

test("a directory that Kubernetes mounts is swapped as a whole, and read again without a restart", () => {
  jest.useFakeTimers({ now: Date.now() });
  const mount = mkdtempSync(join(tmpdir(), "veche-mounted-"));
  const put = (version: string, kids: string[]) => {
    mkdirSync(join(mount, version));
    for (const kid of kids) {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(
        join(mount, version, `${kid}.private.pem`),
        privateKey.export({ type: "pkcs8", format: "pem" }),
      );
    }
    symlinkSync(version, join(mount, "..data_tmp"));
    renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
    for (const kid of kids) {
      const file = join(mount, `${kid}.private.pem`);
      if (!existsSync(file)) symlinkSync(join("..data", `${kid}.private.pem`), file);
    }
  };
  put("..2026_01", ["1"]);
  const ring = directoryKeyRing(mount);
  expect(ring.signing().kid).toBe("1");
  put("..2026_02", ["1", "2"]);
  expect(ring.signing().kid).toBe("1");
  jest.advanceTimersByTime(31_000);
  expect(ring.signing().kid).toBe("2");
  expect(ring.publicKeys().map(({ kid }) => kid)).toEqual(["1", "2"]);
  jest.useRealTimers();
  rmSync(mount, { recursive: true });
});

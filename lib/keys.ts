/**
 * Keys that access tokens are signed and checked with: one secret (HS256), or a directory of key files (RS256, ES256).
 *
 * In the directory `<kid>.private.pem` signs and checks, `<kid>.public.pem` only checks. The private key whose kid sorts
 * last signs, numbers in it by their value: 10 comes after 9. To rotate: put the new public key everywhere, wait a minute, put the new private key, and take the old
 * files away when the last token signed with them has ended. The directory is read again every 30 s.
 */
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Algorithm } from "jsonwebtoken";

export interface SigningKey {
  kid: string | undefined;
  algorithm: Algorithm;
  key: KeyObject;
}

export interface PublicJwk extends JsonWebKey {
  kid: string;
  alg: Algorithm;
  use: "sig";
}

export interface KeyRing {
  /** @throws Error where this process holds no private key */
  signing(): SigningKey;
  /** @param kid as the token's header names it */
  checking(kid: string | undefined): SigningKey | undefined;
  /** What `/.well-known/jwks.json` shows; empty with a shared secret. */
  publicKeys(): PublicJwk[];
}

export function secretKeyRing(secret: string): KeyRing {
  const key: SigningKey = { kid: undefined, algorithm: "HS256", key: createSecretKey(Buffer.from(secret)) };
  return {
    signing: () => key,
    checking: (kid) => (kid === undefined ? key : undefined),
    publicKeys: () => [],
  };
}

const REREAD_AFTER_MS = 30_000;
/** An unknown kid may be a key that was just added; but a flood of them must not read the disk each time. */
const REREAD_FOR_UNKNOWN_AFTER_MS = 1_000;

/** @throws Error with one line that says which file is wrong */
export function directoryKeyRing(directory: string): KeyRing {
  let keys = readKeys(directory);
  let readAt = Date.now();

  const fresh = (maxAge: number) => {
    if (Date.now() - readAt > maxAge) {
      readAt = Date.now();
      try {
        keys = readKeys(directory);
      } catch {
        // A half-written file while keys rotate: go on with those we have.
      }
    }
    return keys;
  };

  return {
    signing() {
      const key = fresh(REREAD_AFTER_MS).signing;
      if (!key) throw new Error(`JWT_KEYS_DIR ${directory} has no *.private.pem to sign with`);
      return key;
    },
    checking(kid) {
      if (kid === undefined) return undefined;
      return fresh(REREAD_AFTER_MS).checking.get(kid) ?? fresh(REREAD_FOR_UNKNOWN_AFTER_MS).checking.get(kid);
    },
    publicKeys: () =>
      [...fresh(REREAD_AFTER_MS).checking].map(([kid, { key, algorithm }]) => ({
        ...key.export({ format: "jwk" }),
        kid,
        alg: algorithm,
        use: "sig",
      })),
  };
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** Two that are the same number, as 9 and 09, have an order, too. */
const byKid = (one: KeyFile, other: KeyFile) =>
  compare(one.kid, other.kid) || (one.file < other.file ? -1 : 1);

interface KeyFile {
  file: string;
  kid: string;
  half: string;
}

function keyFiles(directory: string): KeyFile[] {
  const files = readdirSync(directory).flatMap((file) => {
    const [, kid, half] = /^([A-Za-z0-9_.-]+)\.(private|public)\.pem$/.exec(file) ?? [];
    return kid && half ? [{ file, kid, half }] : [];
  });
  return files.sort(byKid);
}

function readKeys(directory: string) {
  const checking = new Map<string, SigningKey>();
  let signing: SigningKey | undefined;
  for (const { file, kid, half } of keyFiles(directory)) {
    const pem = readFileSync(join(directory, file));
    const publicKey = createPublicKey(pem);
    const algorithm = algorithmOf(publicKey, file);
    checking.set(kid, { kid, algorithm, key: publicKey });
    if (half === "private") signing = { kid, algorithm, key: createPrivateKey(pem) };
  }
  if (checking.size === 0) throw new Error(`${directory} has no <kid>.private.pem or <kid>.public.pem`);
  return { checking, signing };
}

function algorithmOf(key: KeyObject, file: string): Algorithm {
  if (key.asymmetricKeyType === "rsa") return "RS256";
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  throw new Error(`${file} is neither an RSA nor a P-256 key`);
}

// A NATS operator with one account and a user of it, made without any tool: JSON web tokens signed with Ed25519 keys.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

interface KeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

// A dependency of nats, which has no types for us.
const nkeys = createRequire(createRequire(import.meta.url).resolve("nats"))("nkeys.js") as {
  createOperator(): KeyPair;
  createAccount(): KeyPair;
  createUser(): KeyPair;
};

const encoded = (value: object | Uint8Array) =>
  Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString("base64url");

function token(issuer: KeyPair, subject: KeyPair, name: string, claims: object): string {
  const body = {
    jti: name,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { ...claims, version: 2 },
  };
  const text = `${encoded({ typ: "JWT", alg: "ed25519-nkey" })}.${encoded(body)}`;
  return `${text}.${encoded(issuer.sign(Buffer.from(text)))}`;
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1 };

/** @returns files: the server's configuration, and the user's credentials */
export function makeAccount(directory: string): { config: string; credentials: string } {
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const limits = { ...NO_LIMITS, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const jetstream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accounts = {
    [system.getPublicKey()]: token(operator, system, "system", { type: "account", limits }),
    [account.getPublicKey()]: token(operator, account, "veche", {
      type: "account",
      limits: { ...limits, ...jetstream },
    }),
  };
  const config = join(directory, "accounts.conf");
  writeFileSync(
    config,
    [
      `operator: ${token(operator, operator, "operator", { type: "operator" })}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${Object.entries(accounts)
        .map(([id, jwt]) => `${id}: ${jwt}`)
        .join(", ")} }`,
    ].join("\n"),
  );
  const credentials = join(directory, "nats.creds");
  const part = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
  const jwt = token(account, user, "veche", { type: "user", ...NO_LIMITS });
  const seed = Buffer.from(user.getSeed()).toString();
  writeFileSync(credentials, `${part("NATS USER JWT", jwt)}\n${part("USER NKEY SEED", seed)}`);
  return { config, credentials };
}

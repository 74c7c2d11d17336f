import { expect, test } from "@jest/globals";
import { ConfigError, loadConfig } from "./config.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

function problems(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test("nothing needs to be set for a process by itself", () => {
  expect(loadConfig({})).toMatchObject({ PORT: 3000, HOST: "127.0.0.1", DATA_DIR: "./data", cluster: false });
});

test("an empty variable is an absent one", () => {
  expect(loadConfig({ PORT: "", NATS_URL: "" })).toMatchObject({ PORT: 3000, cluster: false });
});

test("all wrong variables are told at once, a line each, by name", () => {
  const lines = problems({ PORT: "http", BCRYPT_COST: "99", LOG_LEVEL: "loud" });
  expect(lines).toHaveLength(3);
  expect(lines.map((line) => line.split(" ")[0])).toEqual(
    expect.arrayContaining(["PORT", "BCRYPT_COST", "LOG_LEVEL"]),
  );
  for (const line of lines) expect(line).not.toContain("\n");
});

test("a secret that is wrong is not repeated", () => {
  expect(problems({ JWT_SECRET: "hunter2" }).join()).not.toContain("hunter2");
});

test("a cluster needs a database where a service keeps something, and none for the gateway", () => {
  const cluster = { NATS_URL: "nats://nats:4222", JWT_SECRET: SECRET, REFRESH_SECRET: SECRET };
  expect(problems(cluster)).toEqual([expect.stringMatching(/^MONGO_URL /)]);
  expect(problems({ ...cluster, SERVICES: "api" })).toEqual([]);
  expect(problems({ ...cluster, SERVICES: "api,users" })).toEqual([expect.stringMatching(/^MONGO_URL /)]);
});

test("a cluster needs the secrets that its processes share", () => {
  const cluster = { NATS_URL: "nats://nats:4222", MONGO_URL: "mongodb://mongo/veche" };
  expect(problems({ ...cluster, SERVICES: "users,chat" })).toEqual([
    expect.stringMatching(/^REFRESH_SECRET /),
  ]);
  expect(problems(cluster)).toEqual([
    expect.stringMatching(/^JWT_SECRET or JWT_KEYS_DIR /),
    expect.stringMatching(/^REFRESH_SECRET /),
  ]);
  expect(problems({ ...cluster, SERVICES: "chat" })).toEqual([]);
});

test("production does not start on a secret of its own making, nor on a short one", () => {
  expect(problems({ NODE_ENV: "production" })).toEqual([expect.stringMatching(/^JWT_SECRET /)]);
  expect(problems({ NODE_ENV: "production", JWT_SECRET: "short" })).toEqual([
    expect.stringMatching(/^JWT_SECRET /),
  ]);
  expect(problems({ NODE_ENV: "production", JWT_SECRET: SECRET })).toEqual([]);
});

test.each(["10.0.0.0/33", "10.0.0", "everyone", "10.0.0.0/", "::1/129", "10.0.0.0/8x", "127.0.0.1,toString"])(
  "%s is no TRUST_PROXY",
  (TRUST_PROXY) => {
    expect(problems({ TRUST_PROXY })).toEqual([expect.stringMatching(/^TRUST_PROXY must be addresses/)]);
  },
);

test("addresses, ranges and names are one", () => {
  expect(problems({ TRUST_PROXY: "loopback, 10.0.0.0/8,::1, 2001:db8::/32" })).toEqual([]);
});

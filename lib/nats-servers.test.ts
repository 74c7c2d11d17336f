import { expect, test } from "@jest/globals";
import { loadConfig } from "./config.ts";
import { natsOptions } from "./nats-options.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const config = (NATS_URL: string) =>
  loadConfig({ NATS_URL, MONGO_URL: "mongodb://m", JWT_SECRET: SECRET, REFRESH_SECRET: SECRET });

test.each([
  ["nats://h1", ["h1"], undefined, undefined],
  ["nats://h1:4222,nats://h2:4223", ["h1:4222", "h2:4223"], undefined, undefined],
  ["nats://u:p@h1:4222,nats://u:p@h2:4222", ["h1:4222", "h2:4222"], "u", "p"],
  ["nats://u:p@h1:4222,h2:4222", ["h1:4222", "h2:4222"], "u", "p"],
  ["nats://u:p%2C%40@h1:4222, h2,nats://h3", ["h1:4222", "h2", "h3"], "u", "p,@"],
  ["nats://token@[::1]:4222,[::2]", ["[::1]:4222", "[::2]"], "token", ""],
])("%s", (url, servers, user, pass) => {
  const { NATS_URL, ...options } = { ...config(url), ...natsOptions(config(url), "test") };
  expect(options).toMatchObject({ servers, ...(user === undefined ? {} : { user, pass }) });
  expect("user" in options).toBe(user !== undefined);
  expect("tls" in options).toBe(false);
});

test.each(["tls://h1:4222,h2", "nats://h1,tls://h2"])("%s is encrypted", (url) => {
  expect(natsOptions(config(url), "test").tls).toBeDefined();
});

test.each([
  "nats://h1,",
  "nats://h1:4222,,h2",
  "nats://h1:port",
  "nats://u:p@h1,nats://v:q@h2",
  "nats://u:p@h1,v:q@h2",
  "nats://u:secret@h1,http://h2",
  "nats://u:p,q@h1",
])("%s is refused with one line", (url) => {
  expect(() => config(url)).toThrow(/^NATS_URL must be nats:\/\/[^\n]*$/);
});

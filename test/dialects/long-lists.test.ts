// Unpaged lists, where there is more than one answer should carry.
import { beforeAll, expect, test } from "@jest/globals";
import { exchangeBytes, type SignedUp, signUp } from "../support/http.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();
const say = clientOf(target, "auth-posts");
const as = ({ accessToken }: SignedUp) => ({ authorization: `Bearer ${accessToken}` });

let ann: SignedUp;
const made: number[] = [];

beforeAll(async () => {
  ann = await signUp(target.baseUrl());
  for (let at = 0; at < 40; at += 1) {
    const { body } = await say("POST", "/posts", { ...as(ann), body: { text: "漢".repeat(5_000) } });
    made.unshift(body.id);
  }
});

test("posts are listed newest first, as far as a megabyte goes", async () => {
  const { status, text, body } = await say("GET", "/posts", as(ann));
  expect(status).toBe(200);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
  const ids = body.map(({ id }: { id: number }) => id);
  expect(ids.length).toBeGreaterThan(20);
  expect(ids.length).toBeLessThan(made.length);
  expect(ids).toEqual(made.slice(0, ids.length));
});

test("who asks for many at once is told to come back", async () => {
  const bob = await signUp(target.baseUrl());
  const ask = (connection: string) =>
    `GET /posts HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nAuthorization: Bearer ${ann.accessToken}\r\n\r\n`;
  // In one piece, so that all are there before the first is answered.
  const asked = `${ask("keep-alive").repeat(3)}${ask("close")}`;
  const answers = await exchangeBytes(target.baseUrl(), asked, true, 30_000);
  const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect(answers).toMatch(/Retry-After: 1\r\n/);
  for (const user of [ann, bob]) expect((await say("GET", "/posts", as(user))).status).toBe(200);
});

// Unpaged lists, where there is more than one answer should carry.
import { beforeAll, expect, test } from "@jest/globals";
import { type SignedUp, signUp } from "../support/http.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();
const say = clientOf(target, "auth-posts");
const as = ({ accessToken }: SignedUp) => ({ authorization: `Bearer ${accessToken}` });

let ann: SignedUp;
const made: number[] = [];

beforeAll(async () => {
  ann = await signUp(target.baseUrl());
  for (let at = 0; at < 30; at += 1) {
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
  expect(ids).toEqual(made.slice(0, ids.length));
});

test("who asks for many at once is told to come back", async () => {
  const bob = await signUp(target.baseUrl());
  const answers = await Promise.all(Array.from({ length: 12 }, () => say("GET", "/posts", as(ann))));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toMatchObject({ headers: { "retry-after": "1" }, body: { error: expect.any(String) } });
  expect(answers.filter(({ status }) => status === 200).length).toBe(12 - refused.length);
  for (const user of [ann, bob]) expect((await say("GET", "/posts", as(user))).status).toBe(200);
});

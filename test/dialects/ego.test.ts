import { expect, test } from "@jest/globals";
import { signUp } from "../support/http.ts";
import { egoSuite } from "./suites/ego.ts";
import { egoSubscriptionsSuite } from "./suites/ego-subscriptions.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();

egoSuite(target);
egoSubscriptionsSuite(target);

test("ego 9: a part that is away is 503", async () => {
  const say = clientOf(target, "ego");
  const { accessToken } = await signUp(target.baseUrl());
  const authorization = `Bearer ${accessToken}`;
  const refused = { message: expect.any(String), data: null };
  await target.takeAway("v1.social");
  const body = { subscription_id: 1 };
  expect(await say("POST", "/subscription/subscribe", { authorization, body })).toMatchObject({
    status: 503,
    body: refused,
  });
  await target.takeAway("v1.auth");
  expect(
    await say("POST", "/auth/login", { body: { username: "ann", password: "testpassword" } }),
  ).toMatchObject({
    status: 503,
    body: refused,
  });
});

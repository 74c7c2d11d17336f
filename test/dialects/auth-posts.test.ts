import { expect, test } from "@jest/globals";
import { signUp } from "../support/http.ts";
import { authPostsSuite } from "./suites/auth-posts.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();

authPostsSuite(target);

test("auth-posts 11, 21, 29, 38, 47, 56, 65: where a part is away, 500 is 503", async () => {
  const say = clientOf(target, "auth-posts");
  const { accessToken, email, password } = await signUp(target.baseUrl());
  const authorization = `Bearer ${accessToken}`;
  const body = { email, password };
  await target.takeAway("v1.users");
  await target.takeAway("v1.auth");
  for (const answer of [
    await say("POST", "/auth/reg", { body }),
    await say("GET", "/auth/login", { body }),
    await say("GET", "/users/", { authorization }),
    await say("POST", "/users/", { authorization, body }),
    await say("GET", "/users/1", { authorization }),
    await say("PUT", "/users/", { authorization, body }),
    await say("DELETE", "/users/1", { authorization }),
  ]) {
    expect(answer).toMatchObject({ status: 503, body: { error: expect.any(String) } });
  }
});

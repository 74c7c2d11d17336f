import { expect, test } from "@jest/globals";
import { signUp } from "../support/http.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";
import { userManagementSuite } from "./suites/user-management.ts";

const target = embeddedTarget();

userManagementSuite(target);

test("user-management 124: a part that is away is the server's error, 503", async () => {
  const say = clientOf(target, "user-management");
  const { accessToken, email, password } = await signUp(target.baseUrl());
  const cookie = `session=${accessToken}`;
  const server = { success: false, errors: { type: "Server", message: expect.any(String) } };
  await target.takeAway("v1.photo");
  expect(await say("GET", "/me", { cookie })).toMatchObject({ status: 503, body: server });
  await target.takeAway("v1.auth");
  expect(await say("POST", "/auth/login", { body: { email, password } })).toMatchObject({
    status: 503,
    body: server,
  });
});

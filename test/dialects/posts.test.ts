import { expect, test } from "@jest/globals";
import { signUp } from "../support/http.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { postsSuite } from "./suites/posts.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();

postsSuite(target);

test("ego 17, auth-posts 100: where posts are away it is 503", async () => {
  const { accessToken } = await signUp(target.baseUrl());
  const authorization = `Bearer ${accessToken}`;
  await target.takeAway("v1.posts");
  const found = await clientOf(target, "ego")("GET", "/posts/get_post?post_id=2", { authorization });
  expect(found).toMatchObject({ status: 503, body: { message: expect.any(String) } });
  const list = await clientOf(target, "auth-posts")("GET", "/posts", { authorization });
  expect(list).toMatchObject({ status: 503, body: { error: expect.any(String) } });
});

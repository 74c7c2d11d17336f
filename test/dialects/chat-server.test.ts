import { expect, test } from "@jest/globals";
import { signUp } from "../support/http.ts";
import { chatServerSuite } from "./suites/chat-server.ts";
import { embeddedTarget } from "./suites/embedded.ts";
import { clientOf } from "./suites/target.ts";

const target = embeddedTarget();

chatServerSuite(target);

test("chat-server 194: a part that is away is 503, and nothing of it is told", async () => {
  const say = clientOf(target, "chat-server");
  const { accessToken: authorization } = await signUp(target.baseUrl());
  await target.takeAway("v1.rooms");
  for (const answer of [
    await say("GET", "/rooms", { authorization }),
    await say("PUT", "/join", { authorization, body: { RoomID: 1 } }),
    await say("GET", "/room/1"),
  ]) {
    expect([answer.status, answer.headers["content-type"]]).toEqual([503, "text/plain; charset=utf-8"]);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.text).not.toMatch(/v1|rooms\./);
  }
});

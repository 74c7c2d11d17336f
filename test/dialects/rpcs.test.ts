// The RPCs of balun_microservices and of user-management by their names, and the codes that their documents give them.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Caller } from "../../lib/contract.ts";
import { newSessionId, newUserId, type UserId } from "../../lib/ids.ts";
import { type Embedded, startEmbedded } from "../support/embedded.ts";
import { signUp, uniqueName } from "../support/http.ts";

let veche: Embedded;

interface Person extends Caller {
  email: string;
  nickname: string;
  refreshToken: string;
}

const people: Record<"ann" | "bob" | "eve", Person> = {} as Record<"ann" | "bob" | "eve", Person>;
const made = { chat: "", request: "" };

const rpc = (action: string, params: object, user?: Caller) =>
  veche.broker.call<Record<string, unknown>, object>(action, params, user ? { meta: { user } } : {});

const codeOf = (action: string, params: object, user?: Caller): Promise<string> =>
  rpc(action, params, user).then(
    () => "OK",
    ({ type }: { type: string }) => type,
  );

beforeAll(async () => {
  veche = await startEmbedded();
  for (const name of ["ann", "bob", "eve"] as const) {
    const nickname = uniqueName("n");
    const { userId, email, refreshToken } = await signUp(veche.baseUrl, { nickname });
    const caller: Caller = { id: userId as UserId, sessionId: newSessionId(), role: "user" };
    people[name] = { ...caller, email, nickname, refreshToken };
  }
  const { ann, bob } = people;
  made.chat = String((await rpc("v1.chat.createDirectChat", { participant_id: bob.id }, ann)).chat_id);
  made.request = String((await rpc("v1.social.sendFriendRequest", { user_id: bob.id }, ann)).request_id);
});
afterAll(() => veche.stop());

const nobody = newUserId();
const PASSWORD = "correct horse";

test.each<[string, string, string, () => object, (keyof typeof people)?]>([
  ["balun 50", "ALREADY_EXISTS", "v1.auth.register", () => ({ email: people.ann.email, password: PASSWORD })],
  ["balun 50", "INVALID_ARGUMENT", "v1.auth.register", () => ({ email: "ann", password: PASSWORD })],
  ["balun 51", "UNAUTHENTICATED", "v1.auth.login", () => ({ email: people.ann.email, password: "wrong" })],
  ["balun 51", "INVALID_ARGUMENT", "v1.auth.login", () => ({ password: PASSWORD })],
  ["balun 52", "UNAUTHENTICATED", "v1.auth.refresh", () => ({ refresh_token: "none" })],
  ["balun 52", "INVALID_ARGUMENT", "v1.auth.refresh", () => ({})],
  ["balun 52", "OK", "v1.auth.refresh", () => ({ refresh_token: people.ann.refreshToken })],
  ["balun 62", "ALREADY_EXISTS", "v1.users.createProfile", () => ({ nickname: uniqueName("n") }), "ann"],
  ["balun 62", "INVALID_ARGUMENT", "v1.users.createProfile", () => ({ nickname: "Not_One" }), "ann"],
  ["balun 63", "ALREADY_EXISTS", "v1.users.updateProfile", () => ({ nickname: people.bob.nickname }), "ann"],
  [
    "balun 63",
    "OK",
    "v1.users.updateProfile",
    () => ({ bio: "new", avatar_url: "https://a.example/b.png" }),
    "ann",
  ],
  ["balun 64", "NOT_FOUND", "v1.users.getProfileById", () => ({ id: nobody }), "ann"],
  ["balun 65", "NOT_FOUND", "v1.users.getProfileByNickname", () => ({ nickname: "nobody_at_all" }), "ann"],
  ["balun 66", "OK", "v1.users.searchByNickname", () => ({ query: "nobody_at_all", limit: 5 }), "ann"],
  ["balun 70", "INVALID_ARGUMENT", "v1.users.updateProfile", () => ({ nickname: "a-b" }), "ann"],
  ["balun 80", "INVALID_ARGUMENT", "v1.social.sendFriendRequest", () => ({ user_id: people.ann.id }), "ann"],
  ["balun 80", "ALREADY_EXISTS", "v1.social.sendFriendRequest", () => ({ user_id: people.bob.id }), "ann"],
  ["balun 80", "NOT_FOUND", "v1.social.sendFriendRequest", () => ({ user_id: nobody }), "ann"],
  ["balun 81", "OK", "v1.social.listRequests", () => ({}), "bob"],
  [
    "balun 82",
    "PERMISSION_DENIED",
    "v1.social.acceptFriendRequest",
    () => ({ request_id: made.request }),
    "ann",
  ],
  ["balun 82", "NOT_FOUND", "v1.social.acceptFriendRequest", () => ({ request_id: absent() }), "bob"],
  [
    "balun 83",
    "PERMISSION_DENIED",
    "v1.social.declineFriendRequest",
    () => ({ request_id: made.request }),
    "eve",
  ],
  ["balun 83", "NOT_FOUND", "v1.social.declineFriendRequest", () => ({ request_id: absent() }), "bob"],
  ["balun 84", "NOT_FOUND", "v1.social.removeFriend", () => ({ user_id: people.bob.id }), "ann"],
  ["balun 85", "OK", "v1.social.listFriends", () => ({ limit: 5 }), "ann"],
  [
    "balun 95",
    "ALREADY_EXISTS",
    "v1.chat.createDirectChat",
    () => ({ participant_id: people.bob.id }),
    "ann",
  ],
  [
    "balun 95",
    "INVALID_ARGUMENT",
    "v1.chat.createDirectChat",
    () => ({ participant_id: people.ann.id }),
    "ann",
  ],
  ["balun 96", "NOT_FOUND", "v1.chat.getChat", () => ({ id: "2" }), "ann"],
  ["balun 96", "PERMISSION_DENIED", "v1.chat.getChat", () => ({ id: made.chat }), "eve"],
  ["balun 97", "OK", "v1.chat.listUserChats", () => ({}), "ann"],
  ["balun 98", "OK", "v1.chat.listChatMembers", () => ({ id: made.chat }), "ann"],
  ["balun 99", "INVALID_ARGUMENT", "v1.chat.sendMessage", () => ({ id: made.chat, text: "" }), "ann"],
  ["balun 99", "PERMISSION_DENIED", "v1.chat.sendMessage", () => ({ id: made.chat, text: "Hi" }), "eve"],
  ["balun 100", "OK", "v1.chat.listMessages", () => ({ id: made.chat, limit: 5 }), "ann"],
  ["balun 101", "OK", "v1.chat.streamMessages", () => ({ id: made.chat, since_unix_ms: 0 }), "ann"],
  ["user-management 63", "OK", "v1.session.createSession", () => ({ user_id: people.ann.id })],
  ["user-management 64", "OK", "v1.session.validateSession", () => ({ session_id: newSessionId() })],
  ["user-management 65", "NOT_FOUND", "v1.session.deleteSession", () => ({ id: newSessionId() }), "ann"],
  [
    "user-management 88",
    "NOT_FOUND",
    "v1.photo.loadPhoto",
    () => ({ upload: `${newSessionId()}@${veche.broker.nodeID}` }),
    "ann",
  ],
  ["user-management 89", "NOT_FOUND", "v1.photo.deletePhoto", () => ({ photo_id: "2" }), "ann"],
  ["user-management 90", "NOT_FOUND", "v1.photo.getPhoto", () => ({ photo_id: "2" }), "ann"],
  ["user-management 91", "OK", "v1.photo.getPhotos", () => ({ user_id: people.ann.id }), "ann"],
])("%s: %s of %s", async (_line, code, action, params, ...[user]) => {
  expect(await codeOf(action, params(), user && people[user])).toBe(code);
});

/** Of the same two, and none that was ever made. */
const absent = () => made.request.replace(/\d+$/, "999");

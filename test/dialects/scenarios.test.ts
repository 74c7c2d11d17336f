// The nine scenarios of balun_microservices' document (its lines 143 to 184): once over REST, once typed into Moleculer's console.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Console } from "../support/console.ts";
import { type Embedded, startEmbedded } from "../support/embedded.ts";
import { StreamReader } from "../support/event-stream.ts";
import { request, uniqueName } from "../support/http.ts";

const PASSWORD = "correct horse";

let veche: Embedded;
let operator: Console;

beforeAll(async () => {
  veche = await startEmbedded();
  operator = new Console();
  await operator.ready();
}, 60_000);
afterAll(async () => {
  await veche.stop();
  await operator.stop();
});

test("balun 143, 150, 154, 158, 163, 169, 173, 178, 182: all nine over REST", async () => {
  const send = async <T = Record<string, string>>(
    method: string,
    path: string,
    token?: string,
    body?: object,
  ) => {
    const answer = await request<T>(veche.baseUrl, method, path, { token, body });
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}`);
    return answer.body;
  };
  const join = async (nickname: string) => {
    const email = `${nickname}@example.com`;
    // 1. Register answers the id and tokens; then CreateProfile.
    const registered = await send("POST", "/v1/register", undefined, { email, password: PASSWORD });
    expect(registered).toMatchObject({ user_id: expect.any(String), refresh_token: expect.any(String) });
    const profile = await send("POST", "/v1/profile", registered.access_token, { nickname });
    expect(profile).toMatchObject({ id: registered.user_id, nickname });
    // 2. Login answers the same again.
    const signedIn = await send("POST", "/v1/login", undefined, { email, password: PASSWORD });
    expect(signedIn.user_id).toBe(registered.user_id);
    return { id: String(signedIn.user_id), token: String(signedIn.access_token) };
  };
  const [a, b] = [uniqueName("a"), uniqueName("b")];
  const ann = await join(a);
  const bob = await join(b);
  // 3. SearchByNickname.
  const { results } = await send<{ results: object[] }>(
    "GET",
    `/v1/users/search?query=${b.slice(0, -1)}`,
    ann.token,
  );
  expect(results).toEqual([expect.objectContaining({ id: bob.id, nickname: b })]);
  // 4. SendFriendRequest; B gets it by ListRequests.
  const asked = await send("POST", `/v1/friends/${bob.id}/request`, ann.token);
  expect(asked.status).toBe("PENDING");
  const { requests } = await send<{ requests: object[] }>("GET", "/v1/friends/requests", bob.token);
  expect(requests).toEqual([expect.objectContaining({ request_id: asked.request_id, from_user_id: ann.id })]);
  // 5. AcceptFriendRequest; both are in each other's ListFriends.
  const accepted = await send("POST", `/v1/friends/requests/${asked.request_id}/accept`, bob.token);
  expect(accepted.status).toBe("ACCEPTED");
  const friends = async ({ token }: { token: string }) =>
    (await send<{ friend_user_ids: string[] }>("GET", "/v1/friends", token)).friend_user_ids;
  expect([await friends(ann), await friends(bob)]).toEqual([[bob.id], [ann.id]]);
  // 6. RemoveFriend.
  await request(veche.baseUrl, "DELETE", `/v1/friends/${bob.id}`, { token: ann.token });
  expect([await friends(ann), await friends(bob)]).toEqual([[], []]);
  // 7. SendMessage is kept; the other gets it by ListMessages, or by StreamMessages.
  const { chat_id: chat } = await send("POST", "/v1/chats", ann.token, { participant_id: bob.id });
  const stream = await StreamReader.open(`${veche.baseUrl}/v1/chats/${chat}/stream`, bob.token);
  for (const text of ["one", "two", "three"])
    await send("POST", `/v1/chats/${chat}/message`, ann.token, { text });
  await stream.got(3);
  expect(stream.events.map(({ data }) => data.text)).toEqual(["one", "two", "three"]);
  stream.close();
  // 8. ListMessages, a page at a time.
  type Page = { messages: { text: string }[]; next_cursor: string | null };
  const texts: string[] = [];
  let cursor: string | null = "";
  do {
    const path: string = `/v1/chats/${chat}/messages?limit=2${cursor ? `&cursor=${cursor}` : ""}`;
    const page: Page = await send<Page>("GET", path, bob.token);
    texts.push(...page.messages.map(({ text }) => text));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(texts).toEqual(["three", "two", "one"]);
  // 9. ListChats: with whom there was a talk.
  const { chats } = await send<{ chats: object[] }>("GET", "/v1/chats", bob.token);
  expect(chats).toEqual([expect.objectContaining({ id: chat, participant_ids: [ann.id, bob.id] })]);
});

test("balun 143, 150, 154, 158, 163, 169, 173, 178, 182: all nine in the console, by the names of the RPCs", async () => {
  const as = (id: string) => `--#user.id ${Number(id)}`;
  const say = async <T = Record<string, string>>(action: string, options: string): Promise<T> => {
    const { answer, error } = await operator.call<T>(action, options);
    if (!answer) throw new Error(`${action}: ${error}`);
    return answer;
  };
  const join = async (nickname: string) => {
    const given = `--email ${nickname}@example.com --password "${PASSWORD}"`;
    const { user_id: id = "" } = await say("v1.auth.register", given);
    expect(await say("v1.users.createProfile", `--nickname ${nickname} ${as(id)}`)).toMatchObject({
      id,
      nickname,
    });
    const signedIn = await say("v1.auth.login", given);
    expect(signedIn).toMatchObject({ user_id: id, access_token: expect.any(String) });
    const refreshed = await say("v1.auth.refresh", `--refresh_token ${signedIn.refresh_token}`);
    expect(refreshed.user_id).toBe(id);
    return id;
  };
  const [a, b] = [uniqueName("a"), uniqueName("b")];
  const [ann, bob] = [await join(a), await join(b)];
  const { results } = await say<{ results: object[] }>(
    "v1.users.searchByNickname",
    `--query ${b} ${as(ann)}`,
  );
  expect(results).toEqual([expect.objectContaining({ id: bob, nickname: b })]);
  // An id in digits, which the console takes for a number.
  const byId = await say("v1.users.getProfileById", `--id ${Number(bob)} ${as(ann)}`);
  expect(byId).toMatchObject({ id: bob, nickname: b });
  expect(await say("v1.users.getProfileByNickname", `--nickname ${b} ${as(ann)}`)).toEqual(byId);

  const asked = await say("v1.social.sendFriendRequest", `--user_id ${Number(bob)} ${as(ann)}`);
  expect(asked.status).toBe("PENDING");
  const { requests } = await say<{ requests: object[] }>("v1.social.listRequests", as(bob));
  expect(requests).toEqual([expect.objectContaining({ request_id: asked.request_id })]);
  const accepted = await say("v1.social.acceptFriendRequest", `--request_id ${asked.request_id} ${as(bob)}`);
  expect(accepted.status).toBe("ACCEPTED");
  const friends = async (id: string) =>
    (await say<{ friend_user_ids: string[] }>("v1.social.listFriends", as(id))).friend_user_ids;
  expect([await friends(ann), await friends(bob)]).toEqual([[bob], [ann]]);
  await operator.call("v1.social.removeFriend", `--user_id ${Number(bob)} ${as(ann)}`);
  expect(await friends(bob)).toEqual([]);

  const { chat_id: chat } = await say(
    "v1.chat.createDirectChat",
    `--participant_id ${Number(bob)} ${as(ann)}`,
  );
  const inChat = `--id ${Number(chat)}`;
  expect(await say("v1.chat.getChat", `${inChat} ${as(ann)}`)).toMatchObject({ id: chat });
  expect(await say("v1.chat.listChatMembers", `${inChat} ${as(ann)}`)).toEqual({ user_ids: [ann, bob] });
  for (const text of ["one", "two"]) await say("v1.chat.sendMessage", `${inChat} --text ${text} ${as(ann)}`);
  // A text in digits is a text.
  await say("v1.chat.sendMessage", `${inChat} --text 42 ${as(ann)}`);
  type Page = { messages: { text: string }[]; next_cursor: string };
  const page = await say<Page>("v1.chat.listMessages", `${inChat} --limit 2 ${as(bob)}`);
  expect(page.messages.map(({ text }) => text)).toEqual(["42", "two"]);
  const rest = await say<Page>(
    "v1.chat.listMessages",
    `${inChat} --limit 2 --cursor ${page.next_cursor} ${as(bob)}`,
  );
  expect(rest.messages.map(({ text }) => text)).toEqual(["one"]);
  expect(await say("v1.chat.streamMessages", `${inChat} --since_unix_ms 0 ${as(bob)}`)).toEqual({
    seq: 3,
    after: 0,
  });
  const { chats } = await say<{ chats: object[] }>("v1.chat.listUserChats", as(bob));
  expect(chats).toEqual([expect.objectContaining({ id: chat })]);

  // user-management 63, 64, 65: the methods of its SessionManagement.
  const session = await say("v1.session.createSession", `--user_id ${Number(ann)}`);
  const named = `--session_id ${session.session_id}`;
  expect(await say("v1.session.validateSession", named)).toMatchObject({ valid: true });
  await operator.call("v1.session.deleteSession", `--id ${session.session_id} ${as(ann)}`);
  expect(await say("v1.session.validateSession", named)).toMatchObject({ valid: false });
}, 60_000);

test("the console says what is wrong, and does not make a text of what is none", async () => {
  const refusal = async (action: string, options: string) =>
    (await operator.call(action, options)).error ?? "served";
  expect(await refusal("v1.users.getProfileById", "--id 1")).toContain("Sign in first");
  expect(await refusal("v1.users.getProfileById", "--id 1 --#user.id x")).toContain("#user.id");
  expect(await refusal("v1.users.getProfileById", "--id 1 --#user.id 1")).toContain("There is no such user");
  expect(await refusal("v1.users.getProfileById", "--id true --#user.id 1")).toContain("expected string");
  expect(await refusal("v1.auth.createAccount", "--email a@example.com --#user.id 1")).toContain(
    "administrator",
  );
});

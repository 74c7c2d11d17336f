import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Caller, call, type ParamsOf } from "../../lib/contract.ts";
import { type ConversationId, newRoomId, newSessionId, newUserId } from "../../lib/ids.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { type ChatBroker, startChat } from "../../test/support/chat.ts";
import { uniqueName } from "../../test/support/http.ts";

let chat: ChatBroker;
beforeAll(async () => {
  chat = await startChat();
});
afterAll(() => chat.broker.stop());

const somebody = (): Caller => {
  const user: Caller = { id: newUserId(), sessionId: newSessionId(), role: "user" };
  chat.users.add(user.id);
  return user;
};
const as = (user: Caller) => ({ meta: { user } });

const create = async (owner: Caller, given: Partial<ParamsOf<"v1.rooms.createRoom">> = {}) => {
  const room = await call(chat.broker, "v1.rooms.createRoom", { name: uniqueName("r"), ...given }, as(owner));
  return room.id as ConversationId;
};
const get = (user: Caller, id: string) => call(chat.broker, "v1.rooms.getRoom", { id }, as(user));
const join = (user: Caller, id: string) => call(chat.broker, "v1.rooms.joinRoom", { id }, as(user));
const leave = (user: Caller, id: string) => call(chat.broker, "v1.rooms.leaveRoom", { id }, as(user));
const update = (user: Caller, params: ParamsOf<"v1.rooms.updateRoom">) =>
  call(chat.broker, "v1.rooms.updateRoom", params, as(user));
const drop = (user: Caller, id: string) => call(chat.broker, "v1.rooms.deleteRoom", { id }, as(user));
const about = (id: string, user: Caller) => ({ id, user_id: user.id });
const invite = (by: Caller, id: string, user: Caller) =>
  call(chat.broker, "v1.rooms.inviteMember", about(id, user), as(by));
const remove = (by: Caller, id: string, user: Caller) =>
  call(chat.broker, "v1.rooms.removeMember", about(id, user), as(by));
const setRole = (by: Caller, id: string, user: Caller, role: "owner" | "admin" | "member") =>
  call(chat.broker, "v1.rooms.changeRole", { ...about(id, user), role }, as(by));
const members = (user: Caller, id: string, page: { limit?: number; cursor?: string } = {}) =>
  call(chat.broker, "v1.rooms.listMembers", { id, ...page }, as(user));
const list = (user: Caller, query: ParamsOf<"v1.rooms.listRooms"> = {}) =>
  call(chat.broker, "v1.rooms.listRooms", query, as(user));
const send = (user: Caller, id: string, text = "hello") =>
  call(chat.broker, "v1.chat.sendMessage", { id, text }, as(user));
const history = async (user: Caller, id: string) =>
  (await call(chat.broker, "v1.chat.listMessages", { id, limit: 100 }, as(user))).messages.toReversed();

const refused = async (attempt: Promise<unknown>) =>
  attempt.then(
    () => "served",
    ({ type }: { type: string }) => type,
  );

describe("a room", () => {
  test("is made with its owner in it", async () => {
    const ann = somebody();
    const id = await create(ann, { name: "  Старая площадь ", is_private: true });
    expect(await get(ann, id)).toMatchObject({
      ...{ id, name: "Старая площадь", is_private: true, owner_id: ann.id, role: "owner" },
    });
    expect((await members(ann, id)).members).toEqual([
      { user_id: ann.id, role: "owner", joined_at_unix_ms: expect.any(Number) },
    ]);
    expect(await history(ann, id)).toMatchObject([{ seq: 1, type: "join", sender_id: ann.id, text: "" }]);
  });

  test.each(["ab", "  ab  ", "a".repeat(21), "bell\ntower", "bell\u202etower", ""])(
    "is not called %j",
    async (name) => expect(await refused(create(somebody(), { name }))).toBe("INVALID_ARGUMENT"),
  );

  test("has a name of its own, whatever the case, also among twenty made at once", async () => {
    const name = uniqueName("Veche");
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        refused(create(somebody(), { name: i % 2 ? name : name.toUpperCase() })),
      ),
    );
    expect(outcomes.sort()).toEqual([...Array(19).fill("ALREADY_EXISTS"), "served"]);
  });

  test("is renamed by its owner; the old name is free then, a taken one refused", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const [old, taken] = [uniqueName("old"), uniqueName("taken")];
    const id = await create(ann, { name: old });
    await create(bob, { name: taken });
    expect(await refused(update(ann, { id, name: taken }))).toBe("ALREADY_EXISTS");
    expect(await refused(update(bob, { id, name: uniqueName("his") }))).toBe("PERMISSION_DENIED");
    expect((await get(ann, id)).name).toBe(old);
    const now = uniqueName("new");
    expect(await update(ann, { id, name: now })).toMatchObject({ name: now, is_private: false });
    await create(bob, { name: old });
  });

  test("that is private does not exist for others: not to be read, written, joined, nor changed", async () => {
    const [ann, bob, eve] = [somebody(), somebody(), somebody()];
    const id = await create(ann, { is_private: true });
    await invite(ann, id, bob);
    await send(bob, id);
    const attempts = (room: string) => [
      ...[get(eve, room), join(eve, room), leave(eve, room), members(eve, room), drop(eve, room)],
      ...[invite(eve, room, eve), remove(eve, room, bob), setRole(eve, room, bob, "admin")],
      ...[update(eve, { id: room, is_private: false }), send(eve, room), history(eve, room)],
      call(chat.broker, "v1.chat.authorizeSubscription", { conversation: room }, as(eve)),
      call(chat.broker, "v1.chat.streamMessages", { id: room }, as(eve)),
      call(chat.broker, "v1.chat.markRead", { id: room, seq: 1 }, as(eve)),
      call(chat.broker, "v1.chat.editMessage", { id: room, seq: 3, text: "no" }, as(eve)),
      call(chat.broker, "v1.chat.deleteMessage", { id: room, seq: 3 }, as(eve)),
    ];
    const said = (room: string) =>
      Promise.all(
        attempts(room).map((attempt) =>
          attempt.then(
            () => "served",
            ({ type, message }) => `${type}: ${message}`,
          ),
        ),
      );
    // The same as of a room that never was.
    expect(await said(id)).toEqual(await said(newRoomId()));
    expect(new Set(await said(id))).toEqual(new Set(["NOT_FOUND: There is no such room."]));
    expect(JSON.stringify(await list(eve, { public: true, limit: 100 }))).not.toContain(id);
    expect((await members(ann, id)).members).toHaveLength(2);
  });

  test("that is open can be found, and joined; until then it is 403 to write, read or list its members", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    expect(await get(bob, id)).toMatchObject({ role: null });
    expect((await list(bob, { public: true })).rooms[0]).toMatchObject({ id, role: null });
    for (const attempt of [send(bob, id), history(bob, id), members(bob, id), leave(bob, id)]) {
      expect(await refused(attempt)).toBe("PERMISSION_DENIED");
    }
    expect(await join(bob, id)).toMatchObject({ user_id: bob.id, role: "member" });
    expect(await send(bob, id)).toMatchObject({ seq: 3 });
    expect((await list(bob, { public: true })).rooms[0]).toMatchObject({ id, role: "member" });
  });

  test("that is closed to others is no longer listed, and listed when it is opened again", async () => {
    const [ann, eve] = [somebody(), somebody()];
    const id = await create(ann);
    await update(ann, { id, is_private: true });
    expect(JSON.stringify(await list(eve, { public: true }))).not.toContain(id);
    expect(await refused(get(eve, id))).toBe("NOT_FOUND");
    await update(ann, { id, is_private: false });
    expect((await list(eve, { public: true })).rooms[0]?.id).toBe(id);
  });

  test("that is deleted is gone for all, with its name, its members and its messages", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const name = uniqueName("gone");
    const id = await create(ann, { name });
    await join(bob, id);
    await send(bob, id);
    expect(await refused(drop(bob, id))).toBe("PERMISSION_DENIED");
    await drop(ann, id);
    for (const attempt of [get(bob, id), send(bob, id), history(bob, id), join(bob, id), drop(ann, id)]) {
      expect(await refused(attempt)).toBe("NOT_FOUND");
    }
    expect((await list(bob)).rooms).toEqual([]);
    await create(bob, { name });
  });
});

describe("members", () => {
  test("join once, however often and from wherever they ask", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? join(bob, id) : invite(ann, id, bob))));
    expect((await history(ann, id)).map(({ type, sender_id }) => [type, sender_id])).toEqual([
      ["join", ann.id],
      ["join", bob.id],
    ]);
  });

  test("leave, and come back as somebody new", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    await join(bob, id);
    await leave(bob, id);
    expect(await refused(leave(bob, id))).toBe("PERMISSION_DENIED");
    await join(bob, id);
    expect((await history(bob, id)).map(({ type }) => type)).toEqual(["join", "join", "leave", "join"]);
  });

  test("who leave and join at once, again and again, are either in or out, as the log says", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    await join(bob, id);
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 6 }, (_, i) => refused(i % 3 ? join(bob, id) : leave(bob, id))));
    }
    const log = (await history(ann, id)).filter(({ sender_id }) => sender_id === bob.id);
    log.forEach(({ type }, i) => {
      expect(type).toBe(i % 2 ? "leave" : "join");
    });
    const isIn = (await members(ann, id)).members.some(({ user_id }) => user_id === bob.id);
    expect(isIn).toBe(log.at(-1)?.type === "join");
  });

  test("are invited by the owner and admins, who must know them", async () => {
    const [ann, bob, cat, dan] = [somebody(), somebody(), somebody(), somebody()];
    const id = await create(ann, { is_private: true });
    expect(await invite(ann, id, bob)).toMatchObject({ user_id: bob.id, role: "member" });
    expect(await refused(invite(bob, id, cat))).toBe("PERMISSION_DENIED");
    await setRole(ann, id, bob, "admin");
    await invite(bob, id, cat);
    chat.users.delete(dan.id);
    expect(await refused(invite(bob, id, dan))).toBe("NOT_FOUND");
    expect((await get(cat, id)).role).toBe("member");
  });

  test("are removed by the owner and, if they are plain ones, by admins", async () => {
    const [ann, bob, cat, dan] = [somebody(), somebody(), somebody(), somebody()];
    const id = await create(ann);
    for (const user of [bob, cat, dan]) await join(user, id);
    expect(await refused(remove(bob, id, cat))).toBe("PERMISSION_DENIED");
    for (const admin of [bob, cat]) await setRole(ann, id, admin, "admin");
    expect(await refused(remove(bob, id, cat))).toBe("PERMISSION_DENIED");
    expect(await refused(remove(bob, id, ann))).toBe("PERMISSION_DENIED");
    expect(await refused(remove(bob, id, bob))).toBe("FAILED_PRECONDITION");
    await Promise.all([remove(bob, id, dan), remove(ann, id, cat)]);
    expect(await refused(remove(ann, id, dan))).toBe("NOT_FOUND");
    expect((await members(ann, id)).members.map(({ user_id }) => user_id).sort()).toEqual(
      [ann.id, bob.id].sort(),
    );
  });

  test("who were removed can neither read nor write when that is answered, and may join again", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    await join(bob, id);
    // Just asked, so that an answer could still be remembered.
    const reading = setInterval(() => void history(bob, id).catch(() => {}), 20);
    await send(bob, id);
    await remove(ann, id, bob);
    clearInterval(reading);
    expect(await refused(send(bob, id))).toBe("PERMISSION_DENIED");
    expect(await refused(history(bob, id))).toBe("PERMISSION_DENIED");
    await join(bob, id);
    expect((await history(bob, id)).at(-1)).toMatchObject({ type: "join", sender_id: bob.id });
  });

  test("get the room from its owner, who stays as an admin; an owner can't leave", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const id = await create(ann);
    await join(bob, id);
    expect(await refused(leave(ann, id))).toBe("FAILED_PRECONDITION");
    expect(await refused(setRole(ann, id, ann, "member"))).toBe("FAILED_PRECONDITION");
    expect(await setRole(ann, id, bob, "owner")).toMatchObject({ user_id: bob.id, role: "owner" });
    expect((await get(ann, id)).role).toBe("admin");
    expect(await refused(setRole(ann, id, ann, "owner"))).toBe("PERMISSION_DENIED");
    await leave(ann, id);
    expect((await members(bob, id)).members).toMatchObject([{ user_id: bob.id, role: "owner" }]);
  });

  test("who get a room while they leave it either own it or are gone, never both", async () => {
    const attempt = async () => {
      const [ann, bob] = [somebody(), somebody()];
      const id = await create(ann);
      await join(bob, id);
      await Promise.all([refused(setRole(ann, id, bob, "owner")), refused(leave(bob, id))]);
      const { owner_id } = await get(ann, id);
      return (await members(ann, id)).members.some(({ user_id }) => user_id === owner_id);
    };
    expect(new Set(await Promise.all(Array.from({ length: 20 }, attempt)))).toEqual(new Set([true]));
  });

  test("are listed by cursor, each once, for members only", async () => {
    const ann = somebody();
    const id = await create(ann);
    const others = Array.from({ length: 25 }, somebody);
    for (const user of others) await join(user, id);
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await members(ann, id, { limit: 10, ...(cursor ? { cursor } : {}) });
      seen.push(...page.members.map(({ user_id }) => user_id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual([ann, ...others].map((user) => user.id).sort());
    expect(await refused(members(somebody(), id))).toBe("PERMISSION_DENIED");
  });
});

describe("the list of one's rooms", () => {
  test("says what is unread and the last message; one who joins starts at the tail", async () => {
    const [ann, bob] = [somebody(), somebody()];
    const [first, second] = [await create(ann), await create(ann)];
    await send(ann, first, "before");
    await join(bob, first);
    const joined = Date.now();
    await eventually(() => Date.now() > joined, { every: 1 });
    await join(bob, second);
    await send(ann, first, "after");
    expect((await list(bob)).rooms).toMatchObject([
      { id: second, role: "member", last_message: null, unread_count: 0 },
      { id: first, role: "member", last_message: { text: "after" }, unread_count: 1 },
    ]);
    await call(chat.broker, "v1.chat.markRead", { id: first, seq: 4 }, as(bob));
    expect((await list(bob)).rooms[1]).toMatchObject({ unread_count: 0 });
    expect((await list(ann)).rooms.map(({ unread_count }) => unread_count)).toEqual([0, 0]);
  });

  test("goes on by cursor", async () => {
    const ann = somebody();
    const made: string[] = [];
    for (let i = 0; i < 7; i++) made.push(await create(ann));
    const { rooms, next_cursor } = await list(ann, { limit: 5 });
    const rest = await list(ann, { limit: 5, cursor: String(next_cursor) });
    expect([...rooms, ...rest.rooms].map(({ id }) => id).sort()).toEqual(made.sort());
    expect(rest.next_cursor).toBeNull();
    expect(await refused(list(somebody(), { cursor: String(next_cursor) }))).toBe("INVALID_ARGUMENT");
  });
});

// chat-server's messages and its WebSocket, example by example; the numbers are lines of its document.
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { eventually } from "../../servers/eventually.ts";
import { request, signUp, uniqueName } from "../../support/http.ts";
import { clientOf, newEmail, type Target } from "./target.ts";

type Frame = Record<string, unknown> & { Type: string };

/** Like wscat: it sends texts, and keeps what comes. */
class Chatter {
  readonly frames: Frame[] = [];
  readonly raw: WebSocket;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.raw = new WebSocket(url, { headers });
    this.raw.on("message", (bytes) => this.frames.push(JSON.parse(String(bytes)))).on("error", () => {});
  }

  say(text: string | object): void {
    this.raw.send(typeof text === "string" ? text : JSON.stringify(text));
  }

  /** The next frame that matches, from the ones that were not taken yet. */
  async take(type: string): Promise<Frame> {
    const at = await eventually(
      () => {
        const found = this.frames.findIndex((frame) => frame.Type === type);
        return found < 0 ? false : { found };
      },
      { within: 4_000, every: 5 },
    );
    const [frame] = this.frames.splice((at as { found: number }).found, 1);
    if (!frame) throw new Error(`no ${type}`);
    return frame;
  }

  async refusal(text: string | object): Promise<unknown> {
    this.say(text);
    return (await this.take("error")).Error;
  }
}

export function chatServerLiveSuite(target: Target): void {
  const say = clientOf(target, "chat-server");
  const sockets: Chatter[] = [];
  const users: Record<"ann" | "bob" | "eve", { uid: number; token: string }> = {
    ...{ ann: { uid: 0, token: "" }, bob: { uid: 0, token: "" }, eve: { uid: 0, token: "" } },
  };
  let room = 0;
  let other = 0;
  /** A direct chat of Ann and Bob. */
  let direct = 0;

  const url = (query: string) => `${target.baseUrl().replace("http", "ws")}/ws${query}`;
  const connect = async (token: string): Promise<Chatter> => {
    const socket = new Chatter(url(`?token=${token}`));
    sockets.push(socket);
    expect(await socket.take("enter")).toEqual({ Type: "enter" });
    return socket;
  };
  const entered = async (token: string, id = room): Promise<Chatter> => {
    const socket = await connect(token);
    socket.say(`{"Type":"enter", "RoomID":${id}}`);
    expect(await socket.take("enter")).toEqual({ Type: "enter" });
    return socket;
  };
  const newRoom = async (IsPrivate = false) => {
    const body = { Name: uniqueName("r"), IsPrivate };
    return (await say("POST", "/create-room", { authorization: users.ann.token, body })).body
      .RoomID as number;
  };
  const join = (user: { token: string }, RoomID: number) =>
    say("PUT", "/join", { authorization: user.token, body: { RoomID } });

  beforeAll(async () => {
    for (const user of Object.values(users)) {
      const email = newEmail();
      const body = { Username: uniqueName("C"), Email: email, Password: "password" };
      user.uid = (await say("POST", "/register", { body })).body.UID;
      const signedIn = await say("PUT", "/login", { body: { Email: email, Password: "password" } });
      user.token = signedIn.body.token;
    }
    room = await newRoom();
    other = await newRoom();
    const body = { participant_id: String(users.bob.uid) };
    const chat = await request(target.baseUrl(), "POST", "/v1/chats", { token: users.ann.token, body });
    direct = Number(chat.body.chat_id);
    for (const id of [room, other]) expect((await join(users.bob, id)).status).toBe(200);
  });
  afterAll(() => {
    for (const { raw } of sockets) raw.terminate();
  });

  describe("the WebSocket", () => {
    test("chat-server 177: /ws?token= opens with a first frame", async () => {
      await connect(users.ann.token);
    });

    test.each([
      ["a bad token", "?token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."],
      ["an empty one", "?token="],
      ["none", ""],
    ])("chat-server 174: with %s it is 401, and plain text", async (_name, query) => {
      const socket = new WebSocket(url(query));
      const [, answer] = await once(socket, "unexpected-response");
      expect([answer.statusCode, answer.headers["content-type"]]).toEqual([401, "text/plain; charset=utf-8"]);
      socket.on("error", () => {}).terminate();
    });

    test("chat-server 182: entering a room; again is refused, and what is none too", async () => {
      const socket = await entered(users.ann.token);
      expect(await socket.refusal({ Type: "enter", RoomID: room })).toBe("already in room");
      for (const id of ["one", -1, 1.5, true, [], 2 ** 60]) {
        expect(await socket.refusal({ Type: "enter", RoomID: id })).toBe("invalid room id");
      }
    });

    test("chat-server 180: RoomID 0 leaves the room", async () => {
      const socket = await entered(users.ann.token);
      socket.say('{"Type":"enter", "RoomID":0}');
      expect(await socket.take("enter")).toEqual({ Type: "enter" });
      expect(await socket.refusal({ Type: "message", Text: "Hello?" })).toBe("not in room");
      expect(await socket.refusal({ Type: "enter" })).toBe("not in room");
    });

    test("chat-server 186: a message goes to all in the room, the sender too, who learns that it is kept", async () => {
      const [ann, bob] = [await entered(users.ann.token), await entered(users.bob.token)];
      ann.say('{"Type":"message","Text":"my message"}');
      const sent = await ann.take("sent");
      expect(sent).toEqual({ Type: "sent", MessageID: expect.any(Number), Timestamp: expect.any(String) });
      const message = {
        ...{ Type: "message", ID: sent.MessageID, RoomID: room, UID: users.ann.uid, Text: "my message" },
        Timestamp: sent.Timestamp,
      };
      expect(await ann.take("message")).toEqual(message);
      expect(await bob.take("message")).toEqual(message);
    });

    test("chat-server 184: in order, also many at once", async () => {
      const [ann, bob] = [await entered(users.ann.token), await entered(users.bob.token)];
      const texts = Array.from({ length: 30 }, (_, at) => `message ${at}`);
      for (const Text of texts) ann.say({ Type: "message", Text });
      const heard: unknown[] = [];
      for (const _ of texts) heard.push((await bob.take("message")).Text);
      expect(heard).toEqual(texts);
    });

    test("chat-server 186: one room at a time", async () => {
      const [ann, bob] = [await entered(users.ann.token), await entered(users.bob.token)];
      bob.say({ Type: "enter", RoomID: other });
      await bob.take("enter");
      ann.say({ Type: "message", Text: "not for Bob" });
      await ann.take("message");
      const elsewhere = await entered(users.ann.token, other);
      elsewhere.say({ Type: "message", Text: "for Bob" });
      expect(await bob.take("message")).toMatchObject({ RoomID: other, Text: "for Bob" });
    });

    test("chat-server 194: who joins shows as a frame", async () => {
      const id = await newRoom();
      const ann = await entered(users.ann.token, id);
      await join(users.bob, id);
      expect(await ann.take("join")).toMatchObject({ Type: "join", RoomID: id, UID: users.bob.uid });
    });

    test("chat-server 182: who is no member does not get in, and stays where they are", async () => {
      const secret = await newRoom(true);
      const socket = await entered(users.bob.token);
      for (const id of [secret, direct, 1, 2]) {
        expect(await socket.refusal({ Type: "enter", RoomID: id })).toBe("not room member");
      }
      socket.say({ Type: "message", Text: "still here" });
      expect(await socket.take("message")).toMatchObject({ RoomID: room, Text: "still here" });
    });

    test("chat-server 186: membership counts with every message, not only on entering", async () => {
      const id = await newRoom();
      await join(users.bob, id);
      const bob = await entered(users.bob.token, id);
      const padded = String(id).padStart(16, "0");
      const left = await request(target.baseUrl(), "POST", `/v1/rooms/${padded}/leave`, {
        token: users.bob.token,
      });
      expect(left.status).toBe(204);
      expect((await bob.take("error")).Error).toBe("not room member");
      expect(await bob.refusal({ Type: "message", Text: "I am gone" })).toBe("not in room");
    });

    test.each([
      ["{", "is no JSON"],
      ["[]", "is no object"],
      ["null", "is nothing"],
      ['{"Type":"shout","Text":"!"}', "has another type"],
      ['{"RoomID":1}', "has no type"],
      ['{"Type":"message","Text":5}', "has a text that is none"],
      ['{"Type":"message","Text":""}', "has an empty text"],
      [JSON.stringify({ Type: "message", Text: "a".repeat(2_001) }), "has a text that is too long"],
    ])("chat-server 184: a frame that %# is refused, and the connection stays", async (frame) => {
      const socket = await entered(users.ann.token);
      expect(await socket.refusal(frame)).toBe("invalid operation");
      socket.say('{"type":"message","text":"any case"}');
      expect(await socket.take("message")).toMatchObject({ Text: "any case" });
    });

    test("chat-server 184: a text of 2000 characters is sent, a frame of more than 16 KiB ends the connection", async () => {
      const socket = await entered(users.ann.token);
      socket.say({ Type: "message", Text: "ä".repeat(2_000) });
      await socket.take("sent");
      socket.say({ Type: "message", Text: "a".repeat(17 * 1024) });
      const [code] = await once(socket.raw, "close");
      expect(code).toBe(1009);
    });

    test("chat-server 192: with its session a connection ends", async () => {
      const { email, password } = await signUp(target.baseUrl());
      const { body } = await say("PUT", "/login", { body: { Email: email, Password: password } });
      const socket = await connect(body.token);
      const closed = once(socket.raw, "close");
      await request(target.baseUrl(), "POST", "/v1/logout", { token: body.token });
      expect((await closed)[0]).toBe(4001);
    });
  });

  describe("messages", () => {
    const read = (id: number, LastID?: number, token = users.ann.token) =>
      say("GET", `/messages/${id}`, {
        authorization: token,
        ...(LastID === undefined ? {} : { body: `{"LastID":${LastID}}` }),
      });
    let full = 0;

    beforeAll(async () => {
      full = await newRoom();
      await join(users.bob, full);
      // More than a connection may say at once.
      const path = `/v1/rooms/${String(full).padStart(16, "0")}/messages`;
      for (let at = 1; at <= 105; at += 1) {
        await request(target.baseUrl(), "POST", path, { token: users.ann.token, body: { text: `${at}` } });
      }
    });

    test("chat-server 167: GET with a body, from LastID down, newest first", async () => {
      const { status, body } = await read(full, 100);
      expect(status).toBe(200);
      // Two joined before the first message.
      expect(body.map(({ ID }: { ID: number }) => ID)).toEqual(
        Array.from({ length: 100 }, (_, at) => 100 - at),
      );
      expect(body[0]).toEqual({
        ...{ ID: 100, RoomID: full, UID: users.ann.uid, Type: "message", Text: "98" },
        Timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
      expect(body.at(-1)).toMatchObject({ ID: 1, UID: users.ann.uid, Type: "join", Text: "" });
      expect(body.at(-2)).toMatchObject({ ID: 2, UID: users.bob.uid, Type: "join" });
    });

    test("chat-server 163: LastID 0, or none, begins with the last", async () => {
      for (const LastID of [0, undefined, 10 ** 9]) {
        expect((await read(full, LastID)).body[0]).toMatchObject({ ID: 107, Text: "105" });
      }
    });

    test("chat-server 164: 100 at most", async () => {
      expect((await read(full, 0)).body).toHaveLength(100);
      expect((await read(full, 7)).body).toHaveLength(7);
    });

    test("chat-server 167: LastID in the query does too, for clients that can't send a body with GET", async () => {
      const { body } = await say("GET", `/messages/${full}?LastID=5`, { authorization: users.ann.token });
      expect(body[0].ID).toBe(5);
    });

    test("chat-server 161: who is no member gets 403, of a room that is not there too", async () => {
      const secret = await newRoom(true);
      for (const id of [full, secret, 1, 2]) {
        expect((await read(id, 0, users.eve.token)).status).toBe(403);
      }
      // Who is in a direct chat does not read it as a room.
      expect((await read(direct, 0, users.bob.token)).status).toBe(403);
      expect((await say("GET", `/messages/${full}`)).status).toBe(401);
    });

    test("chat-server 167: what is malformed is 400", async () => {
      for (const LastID of [-1, 1.5, "one"]) {
        const sent = { authorization: users.ann.token, body: { LastID } };
        expect((await say("GET", `/messages/${full}`, sent)).status).toBe(400);
      }
      expect((await say("GET", "/messages/one", { authorization: users.ann.token })).status).toBe(400);
      expect(
        (await say("GET", `/messages/${full}`, { authorization: users.ann.token, body: "{" })).status,
      ).toBe(400);
    });
  });
}

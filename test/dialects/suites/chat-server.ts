// chat-server's document, example by example; the numbers are its lines. `npm test` runs it on one process, test/cluster on many.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { uniqueName } from "../../support/http.ts";
import { clientOf, newEmail, type Target } from "./target.ts";

const JSON_TYPE = { "content-type": "application/json" };

export function chatServerSuite(target: Target): void {
  const say = clientOf(target, "chat-server");
  const ann = { name: uniqueName("A"), email: newEmail(), uid: 0, token: "" };
  const bob = { name: uniqueName("B"), email: newEmail(), uid: 0, token: "" };
  const room = { id: 0, name: uniqueName("Room") };
  const secret = { id: 0, name: uniqueName("Secret") };

  const register = (Username: string, Email: string, Password = "password") =>
    say("POST", "/register", {
      headers: JSON_TYPE,
      body: `{
        "Username": "${Username}",
        "Email": "${Email}",
        "Password": "${Password}"
    }`,
    });
  const login = (Email: string, Password: string) =>
    say("PUT", "/login", {
      headers: JSON_TYPE,
      body: `{
        "Email": "${Email}",
        "Password": "${Password}"
    }`,
    });

  beforeAll(async () => {
    for (const user of [ann, bob]) {
      user.uid = (await register(user.name, user.email)).body.UID;
      user.token = (await login(user.email, "password")).body.token;
    }
    room.id = (await createRoom(room.name, false)).body.RoomID;
    secret.id = (await createRoom(secret.name, true)).body.RoomID;
  });

  const createRoom = (Name: string, IsPrivate: boolean) =>
    say("POST", "/create-room", {
      authorization: ann.token,
      headers: JSON_TYPE,
      body: `{
        "Name": "${Name}",
        "IsPrivate": ${IsPrivate}
    }`,
    });
  const put = (path: string, authorization: string, body: object) =>
    say("PUT", path, { authorization, headers: JSON_TYPE, body });

  describe("accounts", () => {
    test("chat-server 53: POST /register makes an account", async () => {
      const { status, headers, body } = await register(uniqueName("user"), newEmail());
      expect({ status, body }).toEqual({ status: 201, body: { UID: expect.any(Number) } });
      expect(headers["content-type"]).toBe("application/json; charset=utf-8");
    });

    test("chat-server 50: a name or an email that is taken is refused, in plain text", async () => {
      for (const [name, email] of [
        [ann.name.toUpperCase(), newEmail()],
        [uniqueName("u"), ann.email.toUpperCase()],
      ] as const) {
        const { status, headers, text } = await register(name, email);
        expect({ status, text }).toEqual({ status: 409, text: expect.stringContaining("is taken") });
        expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
      }
    });

    test("chat-server 53: everything that is wrong is said at once", async () => {
      const { status, text } = await register("u!", "user", "short");
      expect(status).toBe(400);
      expect(text.split("; ").map((complaint) => complaint.split(":")[0])).toEqual([
        ...["Username", "Email", "Password"],
      ]);
    });

    test.each(["", "[]", "{", "null", '"x"', '{"Username":1}'])(
      "chat-server 53: %s is refused",
      async (body) => {
        expect((await say("POST", "/register", { body })).status).toBe(400);
      },
    );

    test("chat-server 53: field names have any case, unknown ones count for nothing, whatever the type says", async () => {
      const body = { username: uniqueName("u"), EMAIL: newEmail(), passWord: "password", Role: "admin" };
      expect((await say("POST", "/register", { body })).status).toBe(201);
      expect(
        (await say("POST", "/register", { headers: { "content-type": "text/plain" }, body })).status,
      ).toBe(409);
    });

    test("chat-server 66: PUT /login answers a token", async () => {
      const { status, body } = await login(ann.email, "password");
      expect({ status, body }).toEqual({ status: 200, body: { token: expect.any(String) } });
    });

    test("chat-server 66: a wrong password is 403, and no such account looks the same", async () => {
      const [wrong, nobody] = [await login(ann.email, "passwort"), await login(newEmail(), "password")];
      expect(wrong.status).toBe(403);
      expect([nobody.status, nobody.text]).toEqual([403, wrong.text]);
    });

    test("chat-server 62: the token lasts a day", () => {
      const { iat, exp } = JSON.parse(Buffer.from(ann.token.split(".")[1] ?? "", "base64url").toString());
      expect(exp - iat).toBe(86_400);
    });
  });

  describe("users", () => {
    const shown = (email: string) => ({
      ...{ UID: ann.uid, Username: ann.name, Email: email },
      CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
    });

    test("chat-server 80: GET /profile is one's own, by a token without Bearer", async () => {
      const { status, body } = await say("GET", "/profile", { authorization: ann.token });
      expect({ status, body }).toEqual({ status: 200, body: shown(ann.email) });
      const bearer = await say("GET", "/profile", { authorization: `Bearer ${ann.token}` });
      expect(bearer.body).toEqual(body);
    });

    test("chat-server 80: without a token, or with one that is none, it is 401", async () => {
      expect((await say("GET", "/profile")).status).toBe(401);
      const { status, headers } = await say("GET", "/profile", {
        authorization: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
      });
      expect([status, headers["content-type"]]).toEqual([401, "text/plain; charset=utf-8"]);
    });

    test("chat-server 88: GET /profile/{UID} is open, and keeps the email to oneself", async () => {
      expect(await say("GET", `/profile/${ann.uid}`)).toMatchObject({ status: 200, body: shown("") });
      const [bobs, anns] = await Promise.all(
        [bob, ann].map(({ token }) => say("GET", `/profile/${ann.uid}`, { authorization: token })),
      );
      expect([bobs?.body, anns?.body]).toEqual([shown(""), shown(ann.email)]);
      expect((await say("GET", `/profile/${ann.uid}`, { authorization: "ended" })).body).toEqual(shown(""));
    });

    test("chat-server 84: a UID that is none is 400, one of nobody 404", async () => {
      expect((await say("GET", "/profile/one")).status).toBe(400);
      expect((await say("GET", "/profile/-1")).status).toBe(400);
      expect((await say("GET", "/profile/1")).status).toBe(404);
    });

    test("chat-server 95: PUT /change-name", async () => {
      const name = uniqueName("New");
      const body = `{
        "NewName": "${name}"
    }`;
      const answer = await say("PUT", "/change-name", { authorization: bob.token, headers: JSON_TYPE, body });
      expect(answer).toMatchObject({ status: 200, body: { status: "name changed" } });
      expect((await say("GET", "/profile", { authorization: bob.token })).body.Username).toBe(name);
      expect((await put("/change-name", bob.token, { NewName: ann.name })).status).toBe(409);
      expect((await put("/change-name", bob.token, { NewName: "a b" })).status).toBe(400);
      expect((await say("PUT", "/change-name", { body })).status).toBe(401);
    });
  });

  describe("rooms", () => {
    test("chat-server 109: POST /create-room", async () => {
      const { status, body } = await createRoom(uniqueName("GeneralChat"), false);
      expect({ status, body }).toEqual({ status: 201, body: { RoomID: expect.any(Number) } });
      expect((await createRoom("ab", false)).status).toBe(400);
      expect((await createRoom("a".repeat(21), false)).status).toBe(400);
      expect((await say("POST", "/create-room", { body: { Name: "GeneralChat" } })).status).toBe(401);
    });

    test("chat-server 106: a name that is taken is refused", async () => {
      expect((await createRoom(room.name, false)).status).toBe(409);
    });

    test("chat-server 123: PUT /join, once", async () => {
      const body = `{
        "RoomID": ${room.id}
    }`;
      const join = () => say("PUT", "/join", { authorization: bob.token, headers: JSON_TYPE, body });
      expect(await join()).toMatchObject({ status: 200, body: { status: "joined" } });
      expect(await join()).toMatchObject({ status: 403, text: expect.stringContaining("already") });
      expect((await put("/join", bob.token, { RoomID: "one" })).status).toBe(400);
      expect((await say("PUT", "/join", { body })).status).toBe(401);
    });

    test("chat-server 120: a private room can't be joined, nor told from one that is not there", async () => {
      const [hidden, absent] = [
        await put("/join", bob.token, { RoomID: secret.id }),
        await put("/join", bob.token, { RoomID: 1 }),
      ];
      expect(hidden.status).toBe(403);
      expect([absent.status, absent.text]).toEqual([403, hidden.text]);
    });

    test("chat-server 136: PUT /invite, by who made the room", async () => {
      const body = `{
        "RoomID": ${secret.id},
        "UID": ${bob.uid}
    }`;
      const invite = (authorization: string) =>
        say("PUT", "/invite", { authorization, headers: JSON_TYPE, body });
      expect((await invite(bob.token)).status).toBe(403);
      expect(await invite(ann.token)).toMatchObject({ status: 200, body: { status: "invited" } });
      expect(await invite(ann.token)).toMatchObject({
        status: 403,
        text: expect.stringContaining("already"),
      });
      expect((await put("/invite", ann.token, { RoomID: secret.id, UID: 1 })).status).toBe(404);
      // Who is in, but did not make it.
      expect((await put("/invite", bob.token, { RoomID: secret.id, UID: ann.uid })).status).toBe(403);
      expect((await say("PUT", "/invite", { body })).status).toBe(401);
    });

    test("chat-server 149: GET /rooms lists the caller's", async () => {
      const { status, body } = await say("GET", "/rooms", { authorization: bob.token });
      expect(status).toBe(200);
      expect(body.IDs.toSorted()).toEqual([room.id, secret.id].toSorted());
      expect((await say("GET", "/rooms")).status).toBe(401);
    });

    test("chat-server 157: GET /room/{roomID} is open, a private one only to members", async () => {
      const info = (id: number, name: string, hidden: boolean) => ({
        ...{ RoomID: id, Name: name, CreatorUID: ann.uid, IsPrivate: hidden, CreatedAt: expect.any(String) },
      });
      expect(await say("GET", `/room/${room.id}`)).toMatchObject({
        status: 200,
        body: info(room.id, room.name, false),
      });
      const asMember = await say("GET", `/room/${secret.id}`, { authorization: bob.token });
      expect(asMember).toMatchObject({ status: 200, body: info(secret.id, secret.name, true) });
      for (const path of [`/room/${secret.id}`, "/room/1"]) expect((await say("GET", path)).status).toBe(404);
      expect((await say("GET", "/room/one")).status).toBe(400);
    });
  });
}

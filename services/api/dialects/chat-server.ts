/** The dialect of chat-server: accounts, rooms and messages. Ids are numbers; errors are the message alone. */
import { z } from "zod";
import type { ResultOf } from "../../../lib/contract.ts";
import { hasCode, permissionDenied } from "../../../lib/errors.ts";
import { isRoom } from "../../../lib/ids.ts";
import { PasswordSchema } from "../../../lib/passwords.ts";
import { EmailSchema } from "../../auth/auth.contract.ts";
import type { Message } from "../../chat/chat.contract.ts";
import { RoomName } from "../../rooms/rooms.contract.ts";
import { type Ask, type Dialect, route } from "./dialect.ts";
import { numberOf, RoomNumber, retold, Time, timeOf, UserNumber } from "./values.ts";

const Username = z.string().regex(/^[A-Za-z0-9_]{3,20}$/, "must be 3 to 20 letters, digits or _");

const Profile = z
  .object({ UID: z.int(), Username: z.string(), Email: z.string(), CreatedAt: Time })
  .meta({ id: "ChatServerProfile" });

const Entry = z
  .object({
    ID: z.int(),
    RoomID: z.int(),
    UID: z.int(),
    Type: z.enum(["message", "join"]),
    Text: z.string(),
    Timestamp: Time,
  })
  .meta({ id: "ChatServerMessage" });

/** Of a page of messages. */
const MESSAGES = 100;
/** So that pages which show nothing but what this dialect has no name for come to an end. */
const MAX_READS = 10;

const status = <S extends string>(text: S) => z.object({ status: z.literal(text) });

type Named = Pick<
  ResultOf<"v1.users.readProfile">,
  "id" | "nickname" | "display_name" | "created_at_unix_ms"
>;

/** Those who came by another door may have no username. */
const profileOf = (
  { id, nickname, display_name, created_at_unix_ms }: Named,
  username: string | null | undefined,
  Email = "",
) => ({
  UID: numberOf(id),
  Username: username ?? nickname ?? display_name ?? "",
  Email,
  CreatedAt: timeOf(created_at_unix_ms),
});

/** The nickname is the name in small letters, where nobody else has it. */
const unlessTaken = (nickname: string, asked: (nickname: string) => Promise<unknown>) =>
  asked(nickname).catch((error: unknown) => {
    if (!hasCode(error, "ALREADY_EXISTS")) throw error;
  });

/** Down from `last`, which 0 says to be the newest. Who leaves is not shown. */
async function messagesDown(ask: Ask, id: string, last: number) {
  const found: Message[] = [];
  let before = last === 0 ? undefined : last + 1;
  for (let read = 0; read < MAX_READS && found.length < MESSAGES; read += 1) {
    const page = { id, limit: MESSAGES, ...(before === undefined ? {} : { before }) };
    const { messages } = await ask("v1.chat.listMessages", page);
    found.push(...messages.filter(({ type }) => type !== "leave"));
    before = messages.at(-1)?.seq;
    if (messages.length < MESSAGES || before === undefined || before <= 1) break;
  }
  return found.slice(0, MESSAGES);
}

export const chatServer: Dialect = {
  name: "chat-server",
  description: "The older dialect of chat-server: its REST; its WebSocket is at /ws",
  anyCase: true,
  errors: {
    contentType: "text/plain",
    schema: z.string(),
    bodyOf: ({ detail }) => detail,
  },
  routes: [
    route({
      method: "POST",
      path: "/register",
      summary: "Make an account",
      access: "anyone",
      takes: z.object({ Username, Email: EmailSchema, Password: PasswordSchema }),
      answers: z.object({ UID: z.int() }),
      status: 201,
      problems: ["ALREADY_EXISTS"],
      example: { Username: "user", Email: "user@example.com", Password: "password" },
      async serve({ input: { Username: username, Email: email, Password: password }, ask, callerOf }) {
        const { user_id, access_token } = await ask("v1.auth.register", { email, password, username });
        await unlessTaken(username.toLowerCase(), (nickname) =>
          ask("v1.users.updateProfile", { nickname }, callerOf(access_token)),
        );
        return { UID: numberOf(user_id) };
      },
    }),
    route({
      method: "PUT",
      path: "/login",
      summary: "Sign in for a day",
      access: "anyone",
      takes: z.object({ Email: EmailSchema, Password: z.string().min(1).max(128) }),
      answers: z.object({ token: z.string() }),
      statuses: { UNAUTHENTICATED: 403 },
      problems: ["UNAUTHENTICATED"],
      example: { Email: "user@example.com", Password: "password" },
      async serve({ input: { Email: email, Password: password }, ask }) {
        const { access_token } = await ask("v1.auth.login", { email, password });
        return { token: access_token };
      },
    }),
    route({
      method: "GET",
      path: "/profile",
      summary: "Get one's own profile",
      takes: z.object({}),
      answers: Profile,
      problems: ["NOT_FOUND"],
      async serve({ ask }) {
        const me = await ask("v1.users.getMe", {});
        return profileOf(me, me.username, me.email);
      },
    }),
    route({
      method: "GET",
      path: "/profile/{UID}",
      summary: "Get a profile; the email of oneself alone",
      access: "optional",
      takes: z.object({ UID: UserNumber }),
      answers: Profile,
      problems: ["NOT_FOUND"],
      async serve({ input: { UID: id }, ask, caller }) {
        if (caller?.id === id) {
          const me = await ask("v1.users.getMe", {});
          return profileOf(me, me.username, me.email);
        }
        const [profile, { users }] = await Promise.all([
          ask(caller ? "v1.users.getProfileById" : "v1.users.readProfile", { id }),
          ask("v1.auth.readUsernames", { user_ids: [id] }),
        ]);
        return profileOf(profile, users[0]?.username);
      },
    }),
    route({
      method: "PUT",
      path: "/change-name",
      summary: "Change one's name",
      takes: z.object({ NewName: Username }),
      answers: status("name changed"),
      problems: ["NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
      example: { NewName: "newname1234" },
      async serve({ input: { NewName: username }, ask }) {
        await ask("v1.auth.updateAccount", { username });
        await unlessTaken(username.toLowerCase(), (nickname) => ask("v1.users.updateProfile", { nickname }));
        return { status: "name changed" as const };
      },
    }),
    route({
      method: "POST",
      path: "/create-room",
      summary: "Make a room",
      takes: z.object({ Name: RoomName, IsPrivate: z.boolean().default(false) }),
      answers: z.object({ RoomID: z.int() }),
      status: 201,
      problems: ["ALREADY_EXISTS", "FAILED_PRECONDITION"],
      example: { Name: "GeneralChat", IsPrivate: false },
      async serve({ input: { Name: name, IsPrivate: is_private }, ask }) {
        const { id } = await ask("v1.rooms.createRoom", { name, is_private });
        return { RoomID: numberOf(id) };
      },
    }),
    route({
      method: "PUT",
      path: "/join",
      summary: "Join an open room",
      takes: z.object({ RoomID: RoomNumber }),
      answers: status("joined"),
      problems: ["PERMISSION_DENIED"],
      async serve({ input: { RoomID: id }, ask }) {
        // Of a private room others don't learn that it exists: so one that does not is refused alike.
        const asked = ask("v1.rooms.joinRoom", { id });
        const { joined } = await retold(
          asked,
          "NOT_FOUND",
          "PERMISSION_DENIED",
          "This room is not open to you.",
        );
        if (!joined) throw permissionDenied("You are in this room already.");
        return { status: "joined" as const };
      },
    }),
    route({
      method: "PUT",
      path: "/invite",
      summary: "Bring somebody into a room of one's own",
      takes: z.object({ RoomID: RoomNumber, UID: UserNumber }),
      answers: status("invited"),
      problems: ["PERMISSION_DENIED", "NOT_FOUND"],
      async serve({ input: { RoomID: id, UID: user_id }, ask }) {
        const asked = ask("v1.rooms.getRoom", { id });
        await retold(asked, "NOT_FOUND", "PERMISSION_DENIED", "This room is not open to you.");
        const { joined } = await ask("v1.rooms.inviteMember", { id, user_id });
        if (!joined) throw permissionDenied("This user is in this room already.");
        return { status: "invited" as const };
      },
    }),
    route({
      method: "GET",
      path: "/rooms",
      summary: "List one's rooms, 1,000 at most",
      takes: z.object({}),
      answers: z.object({ IDs: z.array(z.int()) }),
      async serve({ ask }) {
        const { ids } = await ask("v1.rooms.listRoomIds", {});
        return { IDs: ids.map(numberOf) };
      },
    }),
    route({
      method: "GET",
      path: "/room/{roomID}",
      summary: "Get a room; a private one only as a member",
      access: "optional",
      takes: z.object({ roomID: RoomNumber }),
      answers: z.object({
        RoomID: z.int(),
        Name: z.string(),
        CreatorUID: z.int(),
        IsPrivate: z.boolean(),
        CreatedAt: Time,
      }),
      problems: ["NOT_FOUND"],
      async serve({ input: { roomID: id }, ask, caller }) {
        const room = await ask(caller ? "v1.rooms.getRoom" : "v1.rooms.readOpenRoom", { id });
        return {
          RoomID: numberOf(room.id),
          Name: room.name,
          CreatorUID: numberOf(room.owner_id),
          IsPrivate: room.is_private,
          CreatedAt: timeOf(room.created_at_unix_ms),
        };
      },
    }),
    route({
      method: "GET",
      path: "/messages/{roomID}",
      summary: "Read a room from LastID down, 100 messages at most; 0 is the last",
      takes: z.object({
        roomID: RoomNumber,
        LastID: z
          .int()
          .min(0)
          .max(Number.MAX_SAFE_INTEGER - 1)
          .default(0),
      }),
      query: ["LastID"],
      body: ["LastID"],
      answers: z.array(Entry),
      problems: ["PERMISSION_DENIED"],
      async serve({ input: { roomID, LastID }, ask }) {
        // A direct chat is none of the rooms, whoever is in it.
        if (!isRoom(roomID)) throw permissionDenied("You are not in this room.");
        const asked = messagesDown(ask, roomID, LastID);
        const messages = await retold(asked, "NOT_FOUND", "PERMISSION_DENIED", "You are not in this room.");
        return messages.map(({ seq, sender_id, type, text, sent_at_unix_ms }) => ({
          ID: seq,
          RoomID: numberOf(roomID),
          UID: numberOf(sender_id),
          Type: type === "join" ? ("join" as const) : ("message" as const),
          Text: text,
          Timestamp: timeOf(sent_at_unix_ms),
        }));
      },
    }),
  ],
};

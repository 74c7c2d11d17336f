/** chat-server: users, rooms and what was said in them. Fields are named as its API names them. */
import { z } from "zod";
import { BcryptHashSchema } from "../../../lib/passwords.ts";
import { RoomName } from "../../../services/rooms/rooms.contract.ts";
import {
  asNickname,
  OldEmail,
  OldId,
  type OldSystem,
  OldText,
  OldTime,
  OldTimeIfKnown,
  OldTimeOrNow,
  OldUsername,
} from "../records.ts";

const user = z
  .object({
    UID: OldId,
    Username: OldUsername,
    Email: OldEmail,
    PasswordHash: BcryptHashSchema,
    CreatedAt: OldTimeOrNow,
  })
  .transform(({ UID, Username, Email, PasswordHash, CreatedAt }) => ({
    kind: "user" as const,
    id: UID,
    email: Email,
    username: Username,
    password_hash: PasswordHash,
    created_at: CreatedAt,
    profile: asNickname(Username),
  }));

const room = z
  .object({
    RoomID: OldId,
    Name: RoomName,
    CreatorUID: OldId,
    IsPrivate: z.boolean(),
    CreatedAt: OldTimeIfKnown,
  })
  .transform(({ RoomID, Name, CreatorUID, IsPrivate, CreatedAt }) => ({
    kind: "room" as const,
    id: RoomID,
    name: Name,
    owner: CreatorUID,
    is_private: IsPrivate,
    created_at: CreatedAt,
  }));

const member = z
  .object({ RoomID: OldId, UID: OldId, JoinedAt: OldTimeIfKnown })
  .transform(({ RoomID, UID, JoinedAt }) => ({
    kind: "member" as const,
    room: RoomID,
    user: UID,
    joined_at: JoinedAt,
  }));

/** That somebody joined is a message there. */
const message = z
  .discriminatedUnion("Type", [
    z.object({
      Type: z.literal("message"),
      ID: OldId,
      RoomID: OldId,
      UID: OldId,
      Text: OldText,
      Timestamp: OldTime,
    }),
    z.object({ Type: z.literal("join"), RoomID: OldId, UID: OldId, Timestamp: OldTime }),
  ])
  .transform((said) =>
    said.Type === "join"
      ? { kind: "member" as const, room: said.RoomID, user: said.UID, joined_at: said.Timestamp }
      : {
          kind: "message" as const,
          id: said.ID,
          conversation: { kind: "room" as const, id: said.RoomID },
          sender: said.UID,
          text: said.Text,
          sent_at: said.Timestamp,
        },
  );

export const chatServer: OldSystem = { name: "chat-server", records: { user, room, member, message } };

/** Records of older systems, as the import knows them, whatever the system called their fields. Ids are the system's own. */
import { z } from "zod";
import type { ParamsOf } from "../../lib/contract.ts";
import { EmailSchema, UsernameSchema } from "../../services/auth/auth.contract.ts";
import { MessageText } from "../../services/chat/chat.contract.ts";
import { ImportedPost } from "../../services/posts/posts.contract.ts";
import { ImportedProfile, NicknameSchema } from "../../services/users/users.contract.ts";

type Account = ParamsOf<"v1.auth.importAccounts">["accounts"][number];

export type OldProfile = NonNullable<Account["profile"]>;

/** Times are milliseconds since 1970. */
export type OldRecord =
  | {
      kind: "user";
      id: string;
      email: string;
      username?: string | undefined;
      password_hash: string;
      created_at: number;
      profile: OldProfile;
    }
  | { kind: "profile"; user: string; profile: OldProfile }
  | {
      kind: "room";
      id: string;
      name: string;
      owner: string;
      is_private: boolean;
      created_at?: number | undefined;
    }
  | { kind: "member"; room: string; user: string; joined_at?: number | undefined }
  | { kind: "chat"; id: string; users: [string, string]; created_at?: number | undefined }
  | {
      kind: "message";
      id: string;
      conversation: { kind: "room" | "chat"; id: string };
      sender: string;
      text: string;
      sent_at: number;
    }
  | { kind: "tie"; tie: "friends" | "request" | "follow"; from: string; to: string; since: number }
  | { kind: "post"; id: string; author: string; text: string; created_at: number }
  /** It is well-formed, and leaves nothing to keep. */
  | { kind: "nothing" };

/** What a system's file may have: the values of `record`, and what belongs to each. */
export interface OldSystem {
  name: string;
  records: Record<string, z.ZodType<OldRecord>>;
}

/** An id of an older system: a number, a UUID, or any word. */
export const OldId = z
  .union([z.int(), z.string()], "must be an id")
  .transform(String)
  .pipe(z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be an id: 1 to 128 characters, without spaces"));

/** Clocks differ, and what has no zone may be of another than UTC. A later time is a mistake. */
const AHEAD_MS = 24 * 3_600_000;
const TIME_RULE = "must be a time as RFC 3339 has it, or milliseconds since 1970";
/** A number below would be of 1973: it is in seconds. */
const EARLIEST_MS = 100_000_000_000;

/** Databases write times with a space, zones of two digits, and times without a zone, too: those are taken as UTC. */
const DatabaseTime = z
  .string()
  .transform((time) => time.replace(/^(\d{4}-\d\d-\d\d) /, "$1T").replace(/([+-]\d\d)$/, "$1:00"))
  .pipe(z.iso.datetime({ offset: true, local: true }));

export const OldTime = z
  .union([z.int().min(EARLIEST_MS), DatabaseTime], TIME_RULE)
  .transform((time) =>
    typeof time === "number" ? time : Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(time) ? time : `${time}Z`),
  )
  .pipe(z.int().min(0, TIME_RULE))
  .refine((time) => time <= Date.now() + AHEAD_MS, "must not be in the future")
  // Nothing was made later than now.
  .transform((time) => Math.min(time, Date.now()));

/** Where the older system does not say when. */
export const OldTimeOrNow = OldTime.nullish().transform((time) => time ?? Date.now());

/** Of what goes into a log: there "now" would hold back everything behind it. */
export const OldTimeIfKnown = OldTime.nullish().transform((time) => time ?? undefined);

export const OldEmail = z.string().pipe(EmailSchema);
export const OldUsername = UsernameSchema;
export const OldText = MessageText;

export const OldPostText = ImportedPost.shape.text;

const { nickname: _nickname, ...profileShape } = ImportedProfile.omit({
  user_id: true,
  created_at: true,
}).shape;

/** Fields of a profile as Veche has them. An older system has null, or an empty text, for what was never set. */
export const field = <F extends keyof typeof profileShape>(name: F) =>
  z
    .literal("")
    .transform(() => undefined)
    .or(profileShape[name] as (typeof profileShape)[F])
    .nullish()
    .transform((value) => value ?? undefined);

/** A name as a nickname, where it can be one. */
export const asNickname = (name: string): { nickname?: string } => {
  const nickname = name.toLowerCase();
  return NicknameSchema.safeParse(nickname).success ? { nickname } : {};
};

/** Without what is undefined. */
export const given = (profile: { [F in keyof OldProfile]?: OldProfile[F] | undefined }): OldProfile =>
  Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== undefined));

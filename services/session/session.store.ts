/** The sessions' collection. */
import type { Dialect } from "../../lib/dialects.ts";
import type { SessionId, UserId } from "../../lib/ids.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface SessionDocument {
  _id: SessionId;
  /** Absent of one whose account is gone, as is `list_key`: only its id is kept, for gateways to refuse. */
  user_id?: UserId;
  state: "live" | "revoked";
  /** What refresh tokens are signed over, besides the session's id and their generation. */
  salt: string;
  /** How often the refresh token was replaced. Only the token of this generation is good. */
  generation: number;
  rotated_at: number;
  created_at: number;
  device: string;
  address: string;
  /** In which it was opened; absent of `/v1`. */
  dialect?: Dialect;
  /** `<user>.<time of creation>.<id>`: a user's sessions, in order. */
  list_key?: string;
  /** `r.<time of revocation>.<id>`: what was revoked, in order; only of revoked ones. */
  revoked_key?: string;
  /** When it ends; of a revoked one, when no access token of it can be good any more. Then it is deleted. */
  ends_at: number;
}

export const sessionCollections = {
  sessions: defineCollection<SessionDocument>({
    name: "sessions",
    indexes: [{ fields: ["list_key"] }, { fields: ["revoked_key"] }, { fields: ["ends_at"] }],
  }),
};

const TIME_DIGITS = 15;
const time = (unixMs: number) => String(unixMs).padStart(TIME_DIGITS, "0");

export const REVOKED_PREFIX = "r.";
export const listKey = (user: UserId, createdAt: number, id: SessionId) => `${user}.${time(createdAt)}.${id}`;
export const listPrefix = (user: UserId) => `${user}.`;
export const revokedKey = (revokedAt: number, id: SessionId | "") =>
  `${REVOKED_PREFIX}${time(revokedAt)}.${id}`;

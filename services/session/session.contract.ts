/** Sessions: where an account is signed in. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";
import { pageParams } from "../../lib/cursors.ts";
import { DIALECTS } from "../../lib/dialects.ts";
import { SessionIdSchema, UserIdSchema } from "../../lib/ids.ts";

export const Session = z
  .object({
    id: z.string(),
    device: z.string().describe("User-Agent at sign-in"),
    address: z.string().describe("IP address at sign-in"),
    created_at_unix_ms: z.int(),
    last_used_at_unix_ms: z.int().describe("last sign-in or refresh"),
    current: z.boolean().describe("whether this request came from it"),
  })
  .meta({ id: "Session" });

export const sessionContract = defineContract({
  "v1.session.createSession": {
    audience: "services",
    params: z.strictObject({
      user_id: UserIdSchema,
      dialect: z.enum(DIALECTS).optional().describe("in which it is opened; else by `/v1`"),
    }),
    result: z.object({ session_id: SessionIdSchema, refresh_token: z.string() }),
  },
  "v1.session.rotateSession": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ refresh_token: z.string().max(512) }),
    result: z.object({ session_id: SessionIdSchema, user_id: UserIdSchema, refresh_token: z.string() }),
  },
  /** For the one dialect whose refresh token stays as it is: its sessions come here, and none of them to `rotateSession`. */
  "v1.session.prolongSession": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ refresh_token: z.string().max(512) }),
    result: z.object({ session_id: SessionIdSchema, user_id: UserIdSchema }),
  },
  "v1.session.validateSession": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ session_id: SessionIdSchema }),
    result: z.object({
      valid: z.boolean(),
      opened_at_unix_ms: z.int().nullable().describe("when its user signed in; null where it is not valid"),
    }),
  },
  "v1.session.listSessions": {
    audience: "user",
    idempotent: true,
    params: z.strictObject(pageParams),
    result: z.object({ sessions: z.array(Session), next_cursor: z.string().nullable() }),
  },
  "v1.session.deleteSession": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({
      id: SessionIdSchema.optional().describe("default: the session of this request"),
    }),
    result: z.null(),
  },
  "v1.session.deleteAllSessions": {
    audience: "user",
    idempotent: true,
    params: z.strictObject({}),
    result: z.null(),
  },
  "v1.session.revokeUser": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      user_id: UserIdSchema,
      except: SessionIdSchema.optional(),
      created_before_unix_ms: z.int().optional().describe("default: all"),
    }),
    result: z.null(),
  },
  /** For gateways: they refuse the access tokens of these sessions. In the order in which they were revoked. */
  "v1.session.listRevoked": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      since_unix_ms: z.int().min(0),
      after: z.string().optional().describe("`next` of the page before"),
    }),
    result: z.object({ session_ids: z.array(SessionIdSchema), next: z.string().nullable() }),
  },
});

/** Broadcast to all gateways when sessions were revoked. May be lost: gateways also ask `listRevoked`. */
export const SESSIONS_REVOKED = "session.revoked";
export const SessionsRevoked = z.object({ session_ids: z.array(SessionIdSchema) });

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof sessionContract> {}
}

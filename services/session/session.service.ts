/** Where accounts are signed in. */
import { call } from "../../lib/contract.ts";
import { RefreshTokens } from "../../lib/refresh-tokens.ts";
import { callerOf, implement } from "../../mixins/actions.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { SESSIONS_REVOKED, sessionContract } from "./session.contract.ts";
import { sessionCollections } from "./session.store.ts";
import { Sessions } from "./sessions.ts";

interface SessionService extends WithCollections<typeof sessionCollections> {
  sessions: Sessions;
}

export default defineService<SessionService>({
  name: "session",
  version: 1,
  mixins: [
    collections(sessionCollections),
    sweep<SessionService>({
      name: "ended sessions",
      run() {
        return this.sessions.sweep();
      },
    }),
  ],

  actions: implement<typeof sessionContract, SessionService>(sessionContract, {
    "v1.session.createSession"(ctx) {
      const { device = "", address = "" } = ctx.meta;
      const { user_id, dialect } = ctx.params;
      return this.sessions.create(user_id, { device, address, dialect });
    },
    "v1.session.rotateSession"(ctx) {
      return this.sessions.rotate(ctx.params.refresh_token);
    },
    "v1.session.prolongSession"(ctx) {
      return this.sessions.prolong(ctx.params.refresh_token);
    },
    async "v1.session.validateSession"(ctx) {
      const opened = await this.sessions.openedAt(ctx.params.session_id);
      return { valid: opened !== undefined, opened_at_unix_ms: opened ?? null };
    },
    "v1.session.listSessions"(ctx) {
      const { id, sessionId } = callerOf(ctx);
      return this.sessions.list(id, sessionId, ctx.params.limit, ctx.params.cursor);
    },
    async "v1.session.deleteSession"(ctx) {
      const { id, sessionId } = callerOf(ctx);
      await this.sessions.revokeOne(id, ctx.params.id ?? sessionId);
      return null;
    },
    async "v1.session.deleteAllSessions"(ctx) {
      await this.sessions.revokeAll(callerOf(ctx).id);
      return null;
    },
    async "v1.session.revokeUser"(ctx) {
      const { user_id, except, created_before_unix_ms } = ctx.params;
      await this.sessions.revokeAll(user_id, except, created_before_unix_ms);
      return null;
    },
    "v1.session.listRevoked"(ctx) {
      return this.sessions.listRevoked(ctx.params.since_unix_ms, ctx.params.after);
    },
  }),

  channels: consume<SessionService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await this.sessions.forgetUser(user_id);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "session" });
      },
    },
  }),

  async started() {
    const {
      REFRESH_SECRET = "",
      REFRESH_SECRET_PREVIOUS,
      SESSION_TTL_S,
      REFRESH_GRACE_S,
    } = runtimeOf(this.broker).config;
    const previous = REFRESH_SECRET_PREVIOUS ? [REFRESH_SECRET_PREVIOUS] : [];
    this.sessions = new Sessions(
      this.collections.sessions,
      new RefreshTokens([REFRESH_SECRET, ...previous]),
      { ttlMs: SESSION_TTL_S * 1_000, graceMs: REFRESH_GRACE_S * 1_000 },
      (session_ids) => this.broker.broadcast(SESSIONS_REVOKED, { session_ids }),
    );
  },
});

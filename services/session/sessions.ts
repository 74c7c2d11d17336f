/** Sessions: made at sign-in, carried on by refresh tokens, ended by their owner or by the theft of a token. */
import { randomBytes } from "node:crypto";
import { decodeCursor, toPage } from "../../lib/cursors.ts";
import type { Dialect } from "../../lib/dialects.ts";
import { notFound, unauthenticated } from "../../lib/errors.ts";
import { newSessionId, type SessionId, type UserId } from "../../lib/ids.ts";
import { parseRefreshToken, type RefreshTokens } from "../../lib/refresh-tokens.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import { listKey, listPrefix, REVOKED_PREFIX, revokedKey, type SessionDocument } from "./session.store.ts";

/** The longest that an access token of any dialect is good for, and an hour for clocks that differ. */
const REVOKED_KEPT_MS = 25 * 3_600_000;
/** Its clients keep their refresh token for as long as the session lasts; all others get a new one each time. */
const KEEPS_REFRESH_TOKEN: Dialect = "ego";
const REVOKED_PER_PAGE = 1_000;
const PORTION = 100;

export interface SessionRules {
  /** How long a session lasts without a refresh. */
  ttlMs: number;
  /** How long the token just replaced still gets the same successor: its answer may have been lost. */
  graceMs: number;
}

/** Where a sign-in comes from. */
export interface Origin {
  device: string;
  address: string;
  dialect?: Dialect | undefined;
}

export class Sessions {
  readonly #sessions: Collection<SessionDocument>;
  readonly #tokens: RefreshTokens;
  readonly #rules: SessionRules;
  readonly #announce: (ids: SessionId[]) => void;

  /** @param announce tells all gateways what was revoked */
  constructor(
    sessions: Collection<SessionDocument>,
    tokens: RefreshTokens,
    rules: SessionRules,
    announce: (ids: SessionId[]) => void,
  ) {
    this.#sessions = sessions;
    this.#tokens = tokens;
    this.#rules = rules;
    this.#announce = announce;
  }

  async create(user: UserId, { dialect, ...origin }: Origin) {
    const id = newSessionId();
    const now = Date.now();
    const salt = randomBytes(16).toString("base64url");
    await this.#sessions.insert({
      _id: id,
      user_id: user,
      state: "live",
      salt,
      generation: 0,
      rotated_at: now,
      created_at: now,
      ...origin,
      ...(dialect === undefined ? {} : { dialect }),
      list_key: listKey(user, now, id),
      ends_at: now + this.#rules.ttlMs,
    });
    return { session_id: id, refresh_token: this.#tokens.issue(id, 0, salt) };
  }

  /**
   * Replaces a refresh token by its successor.
   * @throws UNAUTHENTICATED; for a token that was replaced before, after the grace, the session is revoked too: two have it
   */
  async rotate(refreshToken: string) {
    const { token, session } = await this.#holderOf(refreshToken);
    const { _id, generation } = session;
    if (session.dialect === KEEPS_REFRESH_TOKEN) throw refused();
    const now = Date.now();
    if (token.generation === generation) {
      await this.#sessions.updateOne(
        { _id, state: "live", generation },
        { $set: { rotated_at: now, ends_at: now + this.#rules.ttlMs }, $inc: { generation: 1 } },
      );
    }
    // Read again: whoever came first made the successor, and all who come within the grace get that one.
    const current = await this.#live(_id);
    if (!current) throw refused();
    const replacedJustNow =
      token.generation === current.generation - 1 && now - current.rotated_at <= this.#rules.graceMs;
    if (!replacedJustNow) {
      if (token.generation < current.generation) await this.#revoke([current]);
      throw refused();
    }
    return {
      session_id: _id,
      user_id: current.user_id,
      refresh_token: this.#tokens.issue(_id, current.generation, current.salt),
    };
  }

  /**
   * Carries a session on whose refresh token stays as it is.
   * @throws UNAUTHENTICATED also for a session that was not opened where this is done
   */
  async prolong(refreshToken: string) {
    const { session } = await this.#holderOf(refreshToken);
    if (session.dialect !== KEEPS_REFRESH_TOKEN) throw refused();
    const { _id, user_id } = session;
    const now = Date.now();
    const prolonged = await this.#sessions.updateOne(
      { _id, state: "live" },
      { $set: { rotated_at: now, ends_at: now + this.#rules.ttlMs } },
    );
    if (!prolonged) throw refused();
    return { session_id: _id, user_id };
  }

  /** When its user signed in (milliseconds since 1970); undefined where it has ended. */
  async openedAt(id: SessionId): Promise<number | undefined> {
    return (await this.#live(id))?.created_at;
  }

  /** Newest first. */
  async list(user: UserId, current: SessionId, limit: number, cursor: string | undefined) {
    const rows = await this.#sessions.page({
      index: "list_key",
      prefix: listPrefix(user),
      ...(cursor === undefined ? {} : { after: decodeCursor("sessions", cursor) }),
      order: "desc",
      limit: limit + 1,
      where: { state: "live", ends_at: { $gt: Date.now() } },
    });
    const { items, next_cursor } = toPage("sessions", rows, limit, (row) => row.list_key ?? "");
    const sessions = items.map((row) => ({
      id: row._id,
      device: row.device,
      address: row.address,
      created_at_unix_ms: row.created_at,
      last_used_at_unix_ms: row.rotated_at,
      current: row._id === current,
    }));
    return { sessions, next_cursor };
  }

  /** @throws NOT_FOUND for a session that is another user's, or none */
  async revokeOne(user: UserId, id: SessionId): Promise<void> {
    const session = await this.#sessions.findById(id);
    if (session?.user_id !== user) throw notFound("You have no such session.");
    await this.#revoke([session]);
  }

  async revokeAll(user: UserId, except?: SessionId, before = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#eachOf(user, (sessions) =>
      this.#revoke(sessions.filter(({ _id, created_at }) => _id !== except && created_at < before)),
    );
  }

  /** Of a deleted account nothing stays but the ids that gateways must refuse. */
  async forgetUser(user: UserId): Promise<void> {
    await this.#eachOf(user, async (sessions) => {
      await this.#revoke(sessions);
      for (const { _id } of sessions) {
        const $set = { salt: "", device: "", address: "" };
        await this.#sessions.updateOne({ _id }, { $set, $unset: { user_id: true, list_key: true } });
      }
    });
  }

  /** @param after the key that the page before ended with */
  async listRevoked(sinceUnixMs: number, after: string | undefined) {
    const rows = await this.#sessions.page({
      index: "revoked_key",
      prefix: REVOKED_PREFIX,
      after: after ?? revokedKey(sinceUnixMs, ""),
      limit: REVOKED_PER_PAGE,
    });
    const full = rows.length === REVOKED_PER_PAGE;
    return { session_ids: rows.map(({ _id }) => _id), next: (full && rows.at(-1)?.revoked_key) || null };
  }

  /** Deletes what has ended. */
  async sweep(): Promise<void> {
    await this.#sessions.deleteMany({ ends_at: { $lt: Date.now() } });
  }

  /** @throws UNAUTHENTICATED where the token is not genuine, or its session has ended */
  async #holderOf(refreshToken: string) {
    const token = parseRefreshToken(refreshToken);
    const session = token && (await this.#live(token.sessionId));
    if (!session || !this.#tokens.isGenuine(token, session.salt)) throw refused();
    return { token, session };
  }

  async #live(id: SessionId): Promise<(SessionDocument & { user_id: UserId }) | undefined> {
    const session = await this.#sessions.findById(id);
    if (session?.state !== "live" || session.ends_at <= Date.now()) return undefined;
    const { user_id } = session;
    return user_id === undefined ? undefined : { ...session, user_id };
  }

  async #revoke(sessions: SessionDocument[]): Promise<void> {
    const revoked: SessionId[] = [];
    for (const { _id } of sessions) {
      const now = Date.now();
      const changed = await this.#sessions.updateOne(
        { _id, state: "live" },
        { $set: { state: "revoked", revoked_key: revokedKey(now, _id), ends_at: now + REVOKED_KEPT_MS } },
      );
      if (changed) revoked.push(_id);
    }
    if (revoked.length > 0) this.#announce(revoked);
  }

  async #eachOf(user: UserId, work: (sessions: SessionDocument[]) => Promise<void>): Promise<void> {
    let after: string | undefined;
    for (;;) {
      const sessions = await this.#sessions.page({
        index: "list_key",
        prefix: listPrefix(user),
        ...(after === undefined ? {} : { after }),
        limit: PORTION,
      });
      await work(sessions);
      after = sessions.at(-1)?.list_key;
      if (sessions.length < PORTION) return;
    }
  }
}

const refused = () => unauthenticated("The refresh token is not valid. Sign in again.");

/** What all live connections of a gateway share. */
import type { ServiceBroker } from "moleculer";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import type { UserId } from "../../../lib/ids.ts";
import type { Feeds } from "./feeds.ts";
import type { Limits } from "./limits.ts";
import type { LiveClient } from "./live-client.ts";
import type { Typing } from "./typing.ts";
import type { WriteTurn } from "./write-turn.ts";

export interface Host {
  broker: ServiceBroker;
  feeds: Feeds;
  limits: Limits;
  turn: WriteTurn;
  typing: Typing;
  /** @throws UNAUTHENTICATED; UNAVAILABLE while it is not known which sessions are revoked */
  checkToken(token: string): CheckedToken;
  /** Counts a connection to its user's. @returns false if there are too many */
  admit(connection: LiveClient, user: UserId): boolean;
  ended(connection: LiveClient): void;
}

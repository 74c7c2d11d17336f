/** The limits of WebSocket connections, and the codes they are closed with. */

export interface Limits {
  /** Within which a connection must say who it is. */
  authDeadlineMs: number;
  frameBytes: number;
  framesPerSecond: number;
  /** What may wait for a slow reader before its connection ends. More than a page of the largest entries. */
  bufferedBytes: number;
  connectionsPerUser: number;
  subscriptionsPerConnection: number;
  /** Messages of one connection that are not acknowledged yet. */
  pendingSends: number;
  heartbeatMs: number;
  /** How long a client gets to answer a close. */
  closeMs: number;
  /** Until it is found that an entry's publication was lost, where nothing else shows it. */
  tailCheckMs: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  authDeadlineMs: 10_000,
  frameBytes: 16 * 1024,
  framesPerSecond: 100,
  bufferedBytes: 1024 * 1024,
  connectionsPerUser: 50,
  subscriptionsPerConnection: 1_000,
  pendingSends: 200,
  heartbeatMs: 25_000,
  closeMs: 5_000,
  tailCheckMs: 10_000,
};

/** Those below 4000 are RFC 6455's. */
export const CLOSE = {
  GOING_AWAY: 1001,
  TRY_AGAIN_LATER: 1013,
  UNAUTHENTICATED: 4001,
  TOO_SLOW: 4008,
  TOO_MANY_CONNECTIONS: 4009,
  TOO_MANY_FRAMES: 4029,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** What each code tells the client to do. 1009 is ws's own. */
export const CLOSE_MEANINGS: Readonly<Record<CloseCode | 1009, string>> = {
  1001: "The gateway goes away: connect again, resume",
  1009: "A frame was too large: send smaller ones",
  1013: "It is not known now which sessions are revoked: connect again after a pause",
  4001: "No valid token in time, or the session or the token has ended: get a new token, else sign in",
  4008: "Too slow: connect again, resume",
  4009: "Too many connections of this user: close others first",
  4029: "Too many frames: connect again after a pause, send more slowly",
};

/** What outlives a single connection: subscriptions, and messages that are not acknowledged. */
import { type Ack, type Callbacks, FrameError } from "./live-connection.ts";

export interface Following {
  /** The last one shown; undefined while only what is new is wanted and nothing is known yet. */
  seq: number | undefined;
  show: Callbacks;
  onRefused(error: Error): void;
}

export interface Sending {
  conversation: string;
  text: string;
  nonce: string;
  underWay: boolean;
  resolve(ack: Ack): void;
  reject(error: Error): void;
}

const PASSING = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]);

/** Whether the same may be served later: the connection was lost, or the gateway could not serve it now. */
export const mayPass = (error: unknown): boolean => !(error instanceof FrameError) || PASSING.has(error.code);

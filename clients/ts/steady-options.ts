/** What a steady connection is told at its start. */
import type { OpenOptions } from "./live-connection.ts";
import type { Backoff } from "./pacing.ts";

export type State = "connecting" | "open" | "waiting" | "closed";

export interface SteadyOptions extends OpenOptions {
  /** `ws://localhost:3000/v1/ws`; a function is asked before each attempt, so that another gateway can be tried. */
  url: string | (() => string);
  /** An access token that is still good for a while: asked for at each connect, and before the one in use ends. */
  token(): string | Promise<string>;
  backoff?: Partial<Backoff>;
  /** How long before its end a token is renewed, milliseconds. */
  renewBeforeMs?: number;
  onState?(state: State): void;
}

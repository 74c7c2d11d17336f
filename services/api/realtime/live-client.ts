/** Somebody who is kept up to date over one connection, whatever it speaks. */
import type { Caller } from "../../../lib/contract.ts";
import type { Frame } from "./frame-writer.ts";

export interface LiveClient {
  /** Undefined until the connection has said who it is. */
  readonly caller: Caller | undefined;
  /** When its time to say who it is ends, then when its token does. In milliseconds since 1970. */
  readonly deadline: number;
  /** What is not of a log: that somebody reads or types, or opened a chat. */
  pushSignal(signal: Frame): void;
  /** The session has ended: so does the connection. */
  revoke(): void;
  /** To be called when its deadline has passed: ends it. */
  expire(): void;
  /** To be called at every heartbeat. */
  beat(): void;
  /** Ends it in peace: the client is to go elsewhere and resume. */
  leave(): Promise<void>;
  /** Ends it at once. */
  terminate(): void;
}

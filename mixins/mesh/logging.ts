/** How log lines look: JSON, a line each, with the trace of the request they were written in. */
import type { LoggerOptions } from "pino";
import { traceFields } from "./trace.ts";

/** Moleculer and its libraries log `(message, error)`, of which pino would keep the message alone. */
function logMethod(this: unknown, args: unknown[], log: (...args: unknown[]) => void): void {
  const [message, error, ...rest] = args;
  if (typeof message === "string" && error instanceof Error)
    log.apply(this, [{ err: error }, message, ...rest]);
  else log.apply(this, args);
}

export const loggerOptions = (level: string): LoggerOptions => ({
  level,
  base: null,
  mixin: traceFields,
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  hooks: { logMethod: logMethod as NonNullable<LoggerOptions["hooks"]>["logMethod"] },
});

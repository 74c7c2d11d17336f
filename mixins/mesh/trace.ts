/** Puts the trace id of the request under way into every log line, whoever writes it. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Context, Middleware } from "moleculer";

type Next = (ctx: Context) => Promise<unknown>;

const traces = new AsyncLocalStorage<string>();

/** The fields that a log line gets from the request it is written in. */
export const traceFields = (): { trace?: string } => {
  const trace = traces.getStore();
  return trace === undefined ? {} : { trace };
};

const within = (next: Next): Next => {
  return (ctx) => {
    const id = ctx.requestID ?? ctx.id;
    return traces.getStore() === id ? next(ctx) : traces.run(id, () => next(ctx));
  };
};

/** `localChannel` is the hook of the durable events. */
export const trace: Middleware & { localChannel: typeof within } = {
  name: "Trace",
  localAction: (next: Next) => within(next),
  localChannel: within,
};

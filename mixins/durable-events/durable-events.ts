/**
 * Durable events: at least once, to every service that consumes them, with retries and then a dead letter. In a cluster
 * @moleculer/channels on NATS JetStream; in a process by itself the same middleware on a collection.
 */
import channels from "@moleculer/channels";
import type { Context, Middleware, Service, ServiceBroker } from "moleculer";
import type { z } from "zod";
import type { Config } from "../../lib/config.ts";
import type { DurableEvents } from "../../lib/contract.ts";
import { EmbeddedAdapter } from "./embedded.ts";
import { JetStreamAdapter } from "./jetstream.ts";
import { PATIENCE, type Patience, UnusableEvent } from "./patience.ts";

export type EventName = keyof DurableEvents & string;

/** For the broker's `middlewares`. One broker each. */
export function durableEvents(config: Config, patience: Partial<Patience> = {}): Middleware {
  const all = { ...PATIENCE, ...patience };
  const adapter = config.cluster ? new JetStreamAdapter(config, all) : new EmbeddedAdapter(config, all);
  // It takes adapters too, which its types don't know; and has defaults for all the rest.
  const options: unknown = { adapter, context: true };
  const middleware = channels.Middleware(options as Parameters<typeof channels.Middleware>[0]);
  return {
    ...middleware,
    serviceCreated(service: Service) {
      const { channels: definitions = {} } = service.schema as {
        channels?: Record<string, { group?: string }>;
      };
      // Not the full name, which a new version changes: the new one would start with all the old events.
      for (const definition of Object.values(definitions)) definition.group ??= service.name;
      return middleware.serviceCreated(service);
    },
    async started() {
      await middleware.started();
      await adapter.begin();
    },
  };
}

/**
 * Resolves when the event is kept: whatever crashes now, its consumers get it.
 * @param from with a context, the handlers' log lines carry its trace
 * @throws UNAVAILABLE soon, where it can't be kept now. It may be kept all the same
 */
export async function publish<E extends EventName>(
  from: ServiceBroker | Context,
  event: E,
  payload: DurableEvents[E],
): Promise<void> {
  const broker = "broker" in from ? from.broker : from;
  const headers = "broker" in from ? traceOf(from) : {};
  await (broker as ServiceBroker & CanSend).sendToChannel(event, payload, { headers });
}

interface CanSend {
  sendToChannel(
    channel: string,
    payload: unknown,
    options: { headers: Record<string, string> },
  ): Promise<void>;
}

/** Not the whole of its meta: the address of whoever made the request has no place in what is kept. */
function traceOf({ requestID, id, tracing, level }: Context): Record<string, string> {
  if (!requestID) return {};
  return { $requestID: requestID, $parentID: id, $tracing: String(tracing === true), $level: String(level) };
}

type Consumers<S> = {
  [E in EventName]?: {
    schema: z.ZodType<DurableEvents[E]>;
    /** May run again for an event that was handled already, so twice must be as good as once. Events may overtake others. */
    handler(this: S, payload: DurableEvents[E], ctx: Context): Promise<unknown>;
  };
};

interface Definition {
  handler(this: Service, ctx: Context): Promise<void>;
}

/** The `channels` of a service. Each replica of a service gets a part of the events, each service all of them. */
export function consume<S = Service>(consumers: Consumers<S>): Record<string, Definition> {
  const definitions: Record<string, Definition> = {};
  for (const [event, consumer] of Object.entries<Consumers<S>[EventName]>(consumers)) {
    if (consumer) definitions[event] = { handler: validated(consumer) };
  }
  return definitions;
}

function validated<S>({ schema, handler }: NonNullable<Consumers<S>[EventName]>): Definition["handler"] {
  return async function (ctx) {
    const payload = parsePayload(schema, ctx.params);
    // `this` is the service whose schema this is a part of, and the payload comes from the handler's own schema.
    const run = handler as (this: Service, payload: unknown, ctx: Context) => Promise<unknown>;
    await run.call(this, payload, ctx);
  };
}

/** What is wrong is told only by place and kind: the values may be somebody's secrets. */
function parsePayload(schema: z.ZodType, payload: unknown): unknown {
  let parsed: ReturnType<typeof schema.safeParse>;
  try {
    parsed = schema.safeParse(payload);
  } catch {
    throw new UnusableEvent("the payload is not valid: its schema can't even check it");
  }
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, code }) => `${path.join(".") || "all"}: ${code}`);
  throw new UnusableEvent(`the payload is not valid (${problems.join(", ")})`);
}

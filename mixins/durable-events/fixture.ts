// What the tests of durable events share: brokers, services that read events, and what was noted of them.
import { existsSync, readFileSync } from "node:fs";
import { type Context, type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { z } from "zod";
import type { Config } from "../../lib/config.ts";
import { newUserId, type UserId, UserIdSchema } from "../../lib/ids.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import type { DatabaseOptions } from "../collection/collection.ts";
import { provideRuntime } from "../runtime.ts";
import { defineService } from "../service.ts";
import { consume, durableEvents, publish } from "./durable-events.ts";
import type { Patience } from "./patience.ts";

interface Options {
  config: Config;
  database?: DatabaseOptions;
  nodeID?: string;
  services: ServiceSchema[];
  patience: Partial<Patience>;
  /** Gets the lines of the log. */
  log?: { text: string };
}

export function makeBroker({
  config,
  database = {},
  nodeID,
  services,
  patience,
  log,
}: Options): ServiceBroker {
  const newLogEntry = (level: string, args: unknown[]) => {
    const text = args.map((arg) => (arg instanceof Error ? arg.stack : String(arg))).join(" ");
    if (log) log.text += `${level} ${text}\n`;
  };
  const broker = new ServiceBroker({
    nodeID,
    logger: false,
    registry: { stopDelay: 0 },
    middlewares: [{ newLogEntry }, durableEvents(config, patience)],
  });
  provideRuntime(broker, { config, keys: secretKeyRing("a secret of the tests"), database });
  for (const service of services) broker.createService(service);
  return broker;
}

type Handler = (payload: { user_id: UserId }, ctx: Context) => Promise<unknown>;

export const reader = (name: string, handler: Handler): ServiceSchema =>
  defineService({
    name,
    channels: consume<Service>({
      "user.registered": { schema: z.object({ user_id: UserIdSchema }), handler },
    }),
  });

/** A handler that only notes. */
export function notebook() {
  const users: UserId[] = [];
  return { users, note: async ({ user_id }: { user_id: UserId }) => void users.push(user_id) };
}

/** A handler that waits. */
export function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

export async function register(broker: ServiceBroker): Promise<UserId> {
  const user_id = newUserId();
  await publish(broker, "user.registered", { user_id });
  return user_id;
}

/** As another version of the publisher might. */
export async function registerWrongly(broker: ServiceBroker, secret: string): Promise<void> {
  const malformed: unknown = { user_id: [secret] };
  await publish(broker, "user.registered", malformed as { user_id: UserId });
}

/** What a killed process noted: `published <user>` and `handled <user>`. */
export const readNotes = (file: string, what: "published" | "handled"): string[] =>
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line.startsWith(`${what} `))
    .map((line) => line.slice(what.length + 1));

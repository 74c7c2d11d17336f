// The services chat, rooms and social in a broker of their own, in memory, with users as a test says they are.
import { ServiceBroker } from "moleculer";
import type { Config } from "../../lib/config.ts";
import { loadConfig } from "../../lib/config.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { implement } from "../../mixins/actions.ts";
import { defineService } from "../../mixins/service.ts";
import brokerOptions from "../../moleculer.config.ts";
import chatService from "../../services/chat/chat.service.ts";
import roomsService from "../../services/rooms/rooms.service.ts";
import socialService from "../../services/social/social.service.ts";
import { usersContract } from "../../services/users/users.contract.ts";

export const JWT_SECRET = "the access tokens of the tests are signed with this";

export interface ChatBroker {
  broker: ServiceBroker;
  users: Set<string>;
}

export const testConfig = (env: Record<string, string> = {}): Config =>
  loadConfig({
    NODE_ENV: "test",
    PORT: "0",
    LOG_LEVEL: "fatal",
    JWT_SECRET,
    REFRESH_SECRET: "the refresh tokens of the tests are signed with this",
    ...env,
  });

export const makeBroker = (config: Config): ServiceBroker => {
  const options = brokerOptions(config, secretKeyRing(JWT_SECRET));
  return new ServiceBroker({ ...options, registry: { ...options.registry, stopDelay: 0 } as never });
};

/** Not started yet. */
export function makeChat(config: Config = testConfig()): ChatBroker {
  const broker = makeBroker(config);
  broker.createService({ ...chatService });
  broker.createService({ ...roomsService });
  broker.createService({ ...socialService });
  return { broker, users: addUsers(broker) };
}

/** @returns those who exist: whom the test puts there */
export function addUsers(broker: ServiceBroker): Set<string> {
  const users = new Set<string>();
  broker.createService(
    defineService({
      name: "users",
      version: 1,
      actions: implement(
        { "v1.users.exists": usersContract["v1.users.exists"] },
        { "v1.users.exists": (ctx) => ({ exists: users.has(ctx.params.user_id) }) },
      ),
    }),
  );
  return users;
}

/** How often this broker called an action so far, or ran it. */
export function callsOf({ metrics }: ServiceBroker, action: string): number {
  const counted = (metrics.getMetric("moleculer.request.total")?.snapshot() ?? []) as {
    labels: Record<string, unknown>;
    value?: unknown;
  }[];
  return counted
    .filter(({ labels }) => labels.action === action)
    .reduce((sum, { value }) => sum + Number(value), 0);
}

export async function startChat(): Promise<ChatBroker> {
  const chat = makeChat();
  await chat.broker.start();
  return chat;
}

// Veche in this process, all services, in memory, on a free port.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../lib/config.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import brokerOptions from "../../moleculer.config.ts";
import { loadServices } from "../../scripts/services.ts";
import type { Limits } from "../../services/api/realtime/limits.ts";
import { realtime } from "../../services/api/realtime/realtime.ts";
import { eventually } from "../servers/eventually.ts";

export const JWT_SECRET = "the access tokens of the tests are signed with this";

export interface Embedded {
  broker: ServiceBroker;
  baseUrl: string;
  stop(): Promise<void>;
}

/**
 * @param env wins over what is set here
 * @param limits of live connections that are not the usual ones
 */
export async function startEmbedded(
  env: Record<string, string> = {},
  limits?: Partial<Limits>,
): Promise<Embedded> {
  const config = loadConfig({
    NODE_ENV: "test",
    PORT: "0",
    LOG_LEVEL: "fatal",
    JWT_SECRET,
    REFRESH_SECRET: "the refresh tokens of the tests are signed with this",
    BCRYPT_COST: "4",
    SWEEP_INTERVAL_MS: "100",
    REGISTRATIONS_PER_ADDRESS_PER_HOUR: "100000",
    ...env,
  });
  const broker = new ServiceBroker(brokerOptions(config, secretKeyRing(config.JWT_SECRET ?? JWT_SECRET)));
  for (const schema of await loadServices([])) {
    broker.createService(limits && schema.name === "api" ? withLimits(schema, limits) : schema);
  }
  await broker.start();
  const { server } = broker.getLocalService("api") as unknown as { server: Server };
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await eventually(async () => (await fetch(`${baseUrl}/readyz`)).ok);
  return {
    broker,
    baseUrl,
    async stop() {
      await runtimeOf(broker).lifecycle.closeDoors();
      await broker.stop();
    },
  };
}

/** The gateway's mixin of live connections is its last one. */
export const withLimits = (api: ServiceSchema, limits: Partial<Limits>): ServiceSchema => ({
  ...api,
  mixins: [...(api.mixins ?? []).slice(0, -1), realtime(limits)],
});

// The limits of live connections in a bench: it opens what many would open, of few users, and sends as quickly as it can.
import type { ServiceSchema } from "moleculer";
import { loadServices } from "../../scripts/services.ts";
import { withLimits } from "../../test/support/embedded.ts";

/** @param chosen as in SERVICES */
export async function loadUnlimited(chosen: string[]): Promise<ServiceSchema[]> {
  const limits = { connectionsPerUser: 100_000, framesPerSecond: 1_000_000, pendingSends: 10_000 };
  const services = await loadServices(chosen);
  return services.map((schema) => (schema.name === "api" ? withLimits(schema, limits) : schema));
}

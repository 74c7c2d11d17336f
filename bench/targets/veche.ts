// Veche by itself, as `npm start` runs it, on a directory of its own.
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../lib/config.ts";
import { makeBroker } from "../../scripts/process.ts";
import { loadServices } from "../../scripts/services.ts";
import type { Limits } from "../../services/api/realtime/limits.ts";
import { withLimits } from "../../test/support/embedded.ts";
import { answering, usage } from "../asking.ts";

/** A bench opens what many would open: of few users, from one address, as quickly as it can. */
const LIMITS: Partial<Limits> = {
  connectionsPerUser: 100_000,
  framesPerSecond: 1_000_000,
  pendingSends: 10_000,
};

const directory = mkdtempSync(join(tmpdir(), "veche-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));

export const broker = makeBroker(
  loadConfig({
    PORT: "0",
    DATA_DIR: directory,
    BCRYPT_COST: "4",
    REGISTRATIONS_PER_ADDRESS_PER_HOUR: "1000000",
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => ["DATA_FSYNC", "JWT_SECRET"].includes(name)),
    ),
  }),
);
for (const schema of await loadServices([])) {
  broker.createService(schema.name === "api" ? withLimits(schema, LIMITS) : schema);
}
await broker.start();
const { server } = broker.getLocalService("api") as unknown as { server: Server };
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
answering(usage);

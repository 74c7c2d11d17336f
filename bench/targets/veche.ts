// Veche by itself, as `npm start` runs it, on a directory of its own.
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../lib/config.ts";
import { makeBroker } from "../../scripts/process.ts";
import { answering, usage } from "../asking.ts";
import { historyAnswers } from "./history.ts";
import { loadUnlimited } from "./limits.ts";

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
for (const schema of await loadUnlimited([])) broker.createService(schema);
await broker.start();
const { server } = broker.getLocalService("api") as unknown as { server: Server };
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
answering({ ...usage, ...historyAnswers(broker) });

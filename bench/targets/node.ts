// One node of a cluster, as `npm start` runs it.
import { configFromEnvironment, makeBroker } from "../../scripts/process.ts";
import { loadUnlimited } from "./limits.ts";

const config = configFromEnvironment();
const broker = makeBroker(config);
for (const schema of await loadUnlimited(config.SERVICES)) broker.createService(schema);
await broker.start();

// `npm run admin -- <email>`: makes an account an administrator, or takes that back.
import { onSignal } from "./signals.ts";

onSignal(() => process.exit(1));
const { call } = await import("../lib/contract.ts");
const { isVecheError } = await import("../lib/errors.ts");
const { configFromEnvironment, end, makeBroker } = await import("./process.ts");
const { loadServices } = await import("./services.ts");

const HELP = `Usage: npm run admin -- <email>            make the account an administrator
       npm run admin -- <email> --revoke   make it a user again, and sign it out everywhere

With NATS_URL it asks the running cluster. Without, it opens DATA_DIR itself: stop Veche first.`;

const [email, option] = process.argv.slice(2);
if (!email || email === "--help" || email === "-h" || (option !== undefined && option !== "--revoke")) {
  console.log(HELP);
  process.exit(email?.startsWith("-") ? 0 : 1);
}

const config = configFromEnvironment(true);
const broker = makeBroker({ ...config, LOG_LEVEL: "error" });
if (!config.cluster) {
  for (const schema of await loadServices(["auth", "session", "users"])) broker.createService(schema);
}
await broker.start();
try {
  await broker.waitForServices("v1.auth", 10_000);
  const role = option === "--revoke" ? "user" : "admin";
  const account = await call(broker, "v1.auth.setRole", { email, role });
  console.log(`${account.email} is now ${role === "admin" ? "an administrator" : "a user"}.`);
  console.log("Access tokens already given out say so after they are refreshed.");
} catch (error) {
  end([isVecheError(error) ? error.message : `No auth service answered: ${(error as Error).message}`]);
} finally {
  await broker.stop();
}

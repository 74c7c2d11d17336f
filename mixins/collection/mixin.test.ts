/** The mixin in a broker. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ServiceBroker, type ServiceSchema, type ServiceSettingSchema } from "moleculer";
import { loadConfig } from "../../lib/config.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { provideRuntime } from "../runtime.ts";
import { collections, type DatabaseOptions, defineCollection, type WithCollections } from "./collection.ts";

const definitions = {
  accounts: defineCollection<{ _id: string; email: string }>({
    name: "accounts",
    indexes: [{ fields: ["email"], unique: true }],
  }),
};

type AuthService = WithCollections<typeof definitions>;

/** Made anew for each broker: Moleculer changes the schemas it is given. */
const authSchema = (): ServiceSchema<ServiceSettingSchema, object, object, AuthService> => ({
  name: "auth",
  mixins: [collections(definitions)],
  async started() {
    await this.collections.accounts.updateOne({ _id: "a" }, { $set: { email: "started@x" } });
  },
  actions: {
    async add() {
      await this.collections.accounts.insert({ _id: "a", email: "a@x" });
    },
    get() {
      return this.collections.accounts.findById("a");
    },
  },
});

let dataDir: string;
let broker: ServiceBroker | undefined;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "collection-"));
});
afterEach(async () => {
  await broker?.stop();
  broker = undefined;
  await rm(dataDir, { recursive: true });
});

function create(database: DatabaseOptions): ServiceBroker {
  const created = new ServiceBroker({
    logger: false,
    registry: { stopDelay: 0 } as never,
  });
  provideRuntime(created, { config: loadConfig({}), keys: secretKeyRing("unused"), database });
  created.createService(authSchema());
  broker = created;
  return created;
}

test("a service has its collections from its own start on, and finds its data after a restart", async () => {
  const first = create({ dataDir });
  await first.start();
  await first.call("auth.add");
  await first.stop();
  const second = create({ dataDir });
  await second.start();
  expect(await second.call("auth.get")).toEqual({ _id: "a", email: "started@x" });
});

test("without a directory the data are in memory", async () => {
  const first = create({});
  await first.start();
  await first.call("auth.add");
  expect(await first.call("auth.get")).toEqual({ _id: "a", email: "a@x" });
});

test("a damaged file fails the start with its name", async () => {
  await writeFile(join(dataDir, "accounts.db"), "damaged\n{}\n");
  await expect(create({ dataDir }).start()).rejects.toThrow("accounts.db is damaged");
});

test("publishes no actions of its own", async () => {
  const first = create({});
  await first.start();
  const names = first.registry.getActionList({ onlyLocal: true, skipInternal: true }).map(({ name }) => name);
  expect(names.sort()).toEqual(["auth.add", "auth.get"]);
});

test("a start that waits for MongoDB ends with the stop of its broker", async () => {
  const waiting = create({ mongoUrl: "mongodb://127.0.0.1:1/none" });
  const start = waiting.start().then(
    () => "started",
    (error: Error) => error.message,
  );
  const stopping = performance.now();
  await waiting.stop();
  expect(performance.now() - stopping).toBeLessThan(2000);
  expect(await start).toContain("not available");
});

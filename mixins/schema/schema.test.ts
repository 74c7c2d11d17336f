import { afterAll } from "@jest/globals";
import { makeDirectory, removeDirectory } from "../../test/servers/custody.ts";
import { schemaSuite } from "../../test/support/schema-suite.ts";

const directories: string[] = [];
afterAll(() => directories.forEach(removeDirectory));

schemaSuite("NeDB", async () => {
  const dataDir = makeDirectory("schema");
  directories.push(dataDir);
  return { dataDir, checkQueries: true };
});

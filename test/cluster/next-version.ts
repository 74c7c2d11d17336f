// A script of scripts/, named by SCRIPT, of a version that comes after this one: its schema has one step more.
import { defineCollection } from "../../mixins/collection/collection.ts";
import { schemaSteps, versionAfter } from "../../mixins/schema/steps.ts";

const runs = defineCollection<{ _id: string }>({ name: "runs" });

schemaSteps.push({
  version: versionAfter(schemaSteps) + 1,
  name: "a note of each run",
  async apply(database) {
    const collection = await database.open(runs);
    await collection.insert({ _id: `run-${process.pid}` });
    // Long enough for others to come.
    await new Promise((passed) => setTimeout(passed, 700));
  },
});
await import(`../../scripts/${process.env.SCRIPT ?? "start"}.ts`);

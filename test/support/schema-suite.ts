// How the schema goes from version to version, whatever database is behind it.
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  type DatabaseOptions,
  defineCollection,
  openCollection,
} from "../../mixins/collection/collection.ts";
import { changeSchema } from "../../mixins/schema/change-schema.ts";
import { SchemaLock, schemaNotes, schemaVersion } from "../../mixins/schema/schema-note.ts";
import type { SchemaStep } from "../../mixins/schema/steps.ts";
import { times } from "./things.ts";

interface Person {
  _id: string;
  name: string;
  /** Of the next version. */
  sort_key?: string;
}

const people = defineCollection<Person>({ name: "people", indexes: [{ fields: ["name"] }] });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const NOW = new AbortController().signal;

/** Gives all people a key to sort by. */
const expand: SchemaStep = {
  version: 2,
  name: "people are sorted by a key",
  async apply(database) {
    const collection = await database.open(people);
    for (const { _id, name } of await collection.page({ prefix: "", limit: 1000 })) {
      await collection.updateOne({ _id }, { $set: { sort_key: name.toLowerCase() } });
    }
  },
};

/** @param fresh a database of its own for each test */
export function schemaSuite(name: string, fresh: () => Promise<DatabaseOptions>): void {
  describe(`the schema on ${name}`, () => {
    let options: DatabaseOptions;
    beforeEach(async () => {
      options = await fresh();
      const collection = await openCollection(people, options, silent);
      await collection.insertMany(times(20, (i) => ({ _id: `p${i}`, name: `Person ${i}` })));
      await collection.close();
    });

    const keys = async () => {
      const collection = await openCollection(people, options, silent);
      const found = await collection.page({ prefix: "", limit: 100 });
      await collection.close();
      return found.flatMap(({ sort_key }) => (sort_key === undefined ? [] : [sort_key])).sort();
    };
    const version = async () => {
      const notes = await openCollection(schemaNotes, options, silent);
      const found = await schemaVersion(notes);
      await notes.close();
      return found;
    };

    test("is at 1 without a note, and stays there where nothing is to be done", async () => {
      expect(await version()).toBe(1);
      expect(await changeSchema(options, [], silent)).toBe(1);
    });

    test("goes through the steps that are missing, in order, each once", async () => {
      const done: number[] = [];
      const noting = (step: number): SchemaStep => ({
        version: step,
        name: `step ${step}`,
        apply: async () => void done.push(step),
      });
      expect(await changeSchema(options, [noting(2)], silent)).toBe(2);
      expect(await changeSchema(options, [noting(2), noting(3), noting(4)], silent)).toBe(4);
      expect(await changeSchema(options, [noting(2), noting(3), noting(4)], silent)).toBe(4);
      expect(done).toEqual([2, 3, 4]);
    });

    test("changes documents", async () => {
      await changeSchema(options, [expand], silent);
      expect(await keys()).toEqual(times(20, (i) => `person ${i}`).sort());
    });

    test("that is newer stays: an older version, put back, changes nothing", async () => {
      await changeSchema(options, [expand], silent);
      expect(await changeSchema(options, [], silent)).toBe(2);
      expect(await version()).toBe(2);
    });

    test("a step that fails leaves the version before it, and the next run begins it again", async () => {
      const failing: SchemaStep = {
        ...expand,
        async apply(database) {
          const collection = await database.open(people);
          await collection.updateOne({ _id: "p3" }, { $set: { sort_key: "half-way" } });
          throw new Error("the machine is on fire");
        },
      };
      await expect(changeSchema(options, [failing], silent)).rejects.toThrow("on fire");
      expect([await version(), await keys()]).toEqual([1, ["half-way"]]);
      expect(await changeSchema(options, [expand], silent)).toBe(2);
      expect(await keys()).toHaveLength(20);
      expect(await keys()).not.toContain("half-way");
    });

    test("a runner that crashed is waited for until its lock has ended, and no longer", async () => {
      const notes = await openCollection(schemaNotes, options, silent);
      await notes.insert({ _id: "schema", version: 1, holder: "gone", locked_until: Date.now() + 1_500 });
      await notes.close();
      const began = Date.now();
      expect(await changeSchema(options, [expand], silent)).toBe(2);
      expect(Date.now() - began).toBeGreaterThan(500);
    });

    test("whoever lost the lock notes nothing", async () => {
      const notes = await openCollection(schemaNotes, options, silent);
      const lock = await SchemaLock.take(notes, NOW);
      await notes.updateOne({ _id: "schema" }, { $set: { holder: "another" } });
      await expect(lock.note(2)).rejects.toThrow("another process");
      expect(lock.lost.aborted).toBe(true);
      expect(await schemaVersion(notes)).toBe(1);
      await lock.release();
      await notes.close();
    });

    test("is changed by one at a time", async () => {
      const notes = await openCollection(schemaNotes, options, silent);
      let [running, runs] = [0, 0];
      const finished = await Promise.all(
        times(4, async () => {
          const lock = await SchemaLock.take(notes, NOW);
          if ((await schemaVersion(notes)) < 2) {
            runs++;
            expect(++running).toBe(1);
            await new Promise((passed) => setTimeout(passed, 50));
            running--;
            await lock.note(2);
          }
          await lock.release();
          return schemaVersion(notes);
        }),
      );
      await notes.close();
      expect([finished, runs]).toEqual([[2, 2, 2, 2], 1]);
    });
  });
}

/**
 * Writes to an embedded collection, and compacts it, until it is killed; prints each write once it is acknowledged.
 * node collection-writer.ts DIRECTORY RUN
 */
import { writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { openCollection } from "../../mixins/collection/collection.ts";
import { EmbeddedCollection } from "../../mixins/collection/embedded.ts";
import { things } from "./things.ts";

const [dataDir = "", run = "0"] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const collection = await openCollection(things("crash"), { dataDir, checkQueries: true }, silent);
// Synchronous: what is printed is out, whatever happens to the process next.
const print = (line: string) => writeSync(1, `${line}\n`);

async function write(writer: number): Promise<never> {
  const counter = `counter.${writer}`;
  await collection.findOneAndUpdate(
    { _id: counter, owner: counter },
    { $max: { rank: 0 } },
    { upsert: true },
  );
  for (let i = 0; ; i++) {
    const _id = `${run}.${writer}.${i}`;
    await collection.insert({
      _id,
      owner: `${run}.${writer}`,
      rank: i,
      email: `${_id}@x`,
      tags: [run, "all"],
    });
    print(`insert ${_id}`);
    const counted = await collection.findOneAndUpdate({ _id: counter }, { $inc: { rank: 1 } });
    print(`count ${counter} ${counted?.rank}`);
    if (i % 3 === 2) {
      const gone = `${run}.${writer}.${i - 1}`;
      print(`deleting ${gone}`);
      await collection.deleteOne({ _id: gone });
      print(`deleted ${gone}`);
    }
  }
}

/** All the time, so that the kill comes in the midst of it as well. */
async function compact(): Promise<never> {
  for (;;) {
    if (collection instanceof EmbeddedCollection) await collection.compact();
    await turn();
  }
}

await Promise.all([compact(), ...Array.from({ length: 16 }, (_, writer) => write(writer))]);

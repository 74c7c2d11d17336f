/** Records of older systems, and the ids they have here. An id is reserved before the thing is made under it: so making can be repeated. */
import { unavailable } from "../../lib/errors.ts";
import { importedId } from "../../lib/ids.ts";
import type { Collection, Collections } from "../../mixins/collection/collection.ts";
import type { RecordKind } from "./imports.contract.ts";
import {
  type CounterDocument,
  type ImportedRecordDocument,
  type importsCollections,
  recordId,
} from "./imports.store.ts";

const ATTEMPTS = 5;

/** The last bit of their ids. Kinds that are not here are between things that have ids. */
const LAST_BIT: { [K in RecordKind]?: 0 | 1 } = { user: 0, room: 1, chat: 0, post: 0 };

export class ImportedRecords {
  readonly #records: Collection<ImportedRecordDocument>;
  readonly #counters: Collection<CounterDocument>;

  constructor({ records, counters }: Collections<typeof importsCollections>) {
    this.#records = records;
    this.#counters = counters;
  }

  /** In the order of the keys. */
  async reserve(system: string, kind: RecordKind, keys: string[]): Promise<ImportedRecordDocument[]> {
    const ids = keys.map((key) => recordId(system, kind, key));
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const known = await this.#known(ids);
      const missing = [...new Set(ids)].filter((id) => !known.has(id));
      if (missing.length === 0) return ids.flatMap((id) => known.get(id) ?? []);
      // Where another import was faster with one of them, that one's id counts: the next look finds it.
      await this.#records.insertMany(await this.#withIds(kind, missing));
    }
    throw unavailable();
  }

  /** @param made `id` where it is another than the reserved one */
  async complete(system: string, kind: RecordKind, made: { key: string; id?: string }[]): Promise<void> {
    const asReserved = made.filter(({ id }) => id === undefined);
    if (asReserved.length > 0) {
      const _id = { $in: asReserved.map(({ key }) => recordId(system, kind, key)) };
      await this.#records.updateMany({ _id }, { $set: { done: true } });
    }
    for (const { key, id } of made) {
      if (id === undefined) continue;
      await this.#records.updateOne({ _id: recordId(system, kind, key) }, { $set: { done: true, id } });
    }
  }

  async find(system: string, kind: RecordKind, keys: string[]): Promise<(string | null)[]> {
    const ids = keys.map((key) => recordId(system, kind, key));
    const known = await this.#known(ids);
    return ids.map((id) => {
      const record = known.get(id);
      return record?.done ? record.id : null;
    });
  }

  async #known(ids: string[]): Promise<Map<string, ImportedRecordDocument>> {
    const found = await this.#records.findByIds([...new Set(ids)]);
    return new Map(found.map((record) => [record._id, record]));
  }

  async #withIds(kind: RecordKind, missing: string[]): Promise<ImportedRecordDocument[]> {
    const bit = LAST_BIT[kind];
    if (bit === undefined) return missing.map((_id) => ({ _id, id: "" }));
    const update = { $inc: { number: missing.length } };
    const counter = await this.#counters.findOneAndUpdate({ _id: "next" }, update, { upsert: true });
    const first = (counter?.number ?? 0) - missing.length + 1;
    return missing.map((_id, i) => ({ _id, id: importedId(first + i, bit) }));
  }
}

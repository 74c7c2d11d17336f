/** What was taken over from older systems: which of their records are here, under which id, and how far each file is. */
import { z } from "zod";
import { type ActionTypes, defineContract } from "../../lib/contract.ts";

/** How many records one call is about. */
export const MAX_RECORDS = 1_000;

/** What is made once for each record of an older system. Messages are not among them: their log knows them by their nonces. */
export const RecordKind = z.enum(["user", "profile", "room", "member", "chat", "tie", "post"]);

export const SystemName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

/** What the older system calls a record: its id there, or the ids of both that it is between, with their colons escaped. */
export const RecordKey = z.string().regex(/^[\x21-\x7e]{1,800}$/, "must be 1 to 800 printable characters");

const records = { system: SystemName, kind: RecordKind };
const keys = z.array(RecordKey).min(1).max(MAX_RECORDS);

/** When something was made: milliseconds since 1970. */
export const ImportedTime = z.int().min(0).max(8_640_000_000_000_000);

/** How far the import of a file has come. `state` is the importer's own: its counts, as JSON. */
export const Progress = z.object({ offset: z.int().min(0), state: z.string().max(65_536) });

const file = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal");

export const importsContract = defineContract({
  /**
   * Gives each record the id that it is to be made under: always the same, however often it is asked. In the order of the keys.
   * `done` is what was made already; it may be gone again since, and must not be made a second time.
   */
  "v1.imports.reserve": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ ...records, keys }),
    result: z.object({ records: z.array(z.object({ id: z.string(), done: z.boolean() })) }),
  },
  /** These were made. `id` where it is not the reserved one: there was such a thing already. */
  "v1.imports.complete": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({
      ...records,
      made: z
        .array(z.strictObject({ key: RecordKey, id: z.string().optional() }))
        .min(1)
        .max(MAX_RECORDS),
    }),
    result: z.null(),
  },
  /** The ids of what was made, in the order of the keys; null for what was not. */
  "v1.imports.find": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ ...records, keys }),
    result: z.object({ ids: z.array(z.string().nullable()) }),
  },
  /** Only to be quicker: without it, an import finds out record by record what is there. */
  "v1.imports.getProgress": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ system: SystemName, file }),
    result: Progress.nullable(),
  },
  "v1.imports.saveProgress": {
    audience: "services",
    idempotent: true,
    params: z.strictObject({ system: SystemName, file, progress: Progress }),
    result: z.null(),
  },
});

export type RecordKind = z.output<typeof RecordKind>;
export type Progress = z.output<typeof Progress>;

declare module "../../lib/contract.ts" {
  interface Actions extends ActionTypes<typeof importsContract> {}
}

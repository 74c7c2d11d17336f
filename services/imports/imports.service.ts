/** What was taken over from older systems. The things themselves are kept by those who own such things. */
import { implement } from "../../mixins/actions.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { defineService } from "../../mixins/service.ts";
import { importsContract } from "./imports.contract.ts";
import { importsCollections } from "./imports.store.ts";
import { ImportedRecords } from "./records.ts";

type ImportsService = WithCollections<typeof importsCollections> & { records: ImportedRecords };

export default defineService<ImportsService>({
  name: "imports",
  version: 1,
  mixins: [collections(importsCollections)],

  actions: implement<typeof importsContract, ImportsService>(importsContract, {
    async "v1.imports.reserve"(ctx) {
      const { system, kind, keys } = ctx.params;
      const records = await this.records.reserve(system, kind, keys);
      return { records: records.map(({ id, done = false }) => ({ id, done })) };
    },
    async "v1.imports.complete"(ctx) {
      const { system, kind, made } = ctx.params;
      await this.records.complete(system, kind, made);
      return null;
    },
    async "v1.imports.find"(ctx) {
      const { system, kind, keys } = ctx.params;
      return { ids: await this.records.find(system, kind, keys) };
    },
    async "v1.imports.getProgress"(ctx) {
      const { system, file } = ctx.params;
      const found = await this.collections.files.findById(`${system}.${file}`);
      return found && { offset: found.offset, state: found.state };
    },
    async "v1.imports.saveProgress"(ctx) {
      const { system, file, progress } = ctx.params;
      const _id = `${system}.${file}`;
      await this.collections.files.findOneAndUpdate({ _id }, { $set: progress }, { upsert: true });
      return null;
    },
  }),

  async started() {
    this.records = new ImportedRecords(this.collections);
  },
});

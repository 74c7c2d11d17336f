/** Collections of documents: declared once, kept in NeDB's files or in MongoDB. A store imports all it needs from here. */
export { DuplicateKey } from "../../lib/errors.ts";
export {
  type Collection,
  type CollectionDefinition,
  type DatabaseOptions,
  defineCollection,
  type FindOptions,
  type Index,
  type Logger,
  type OpenCollection,
  type PageQuery,
} from "./definition.ts";
export type { Document, Scalar } from "./document.ts";
export { type Collections, collections, type WithCollections } from "./mixin.ts";
export { pageAtOffset } from "./offset.ts";
export { openCollection } from "./open.ts";
export type { Filter, Sort, Update } from "./query.ts";

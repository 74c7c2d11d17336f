/**
 * An index of one field and then `_id`: for each value the documents that have it, in the order of their ids. Made for fields with
 * many values, such as the words of a text: an entry is a pointer, where that of an `OrderedIndex` is a key of its own. Measured on
 * posts: 25 bytes an entry, with the documents, against 425 in a tree with a node for each.
 */
import { compareValues, type Document, valuesAt } from "./document.ts";
import { IdList } from "./id-list.ts";
import type { Locate, WalkableIndex } from "./ordered-index.ts";
import type { PlannedIndex } from "./plan.ts";
import { type Effort, SortedTree } from "./sorted-tree.ts";

interface Postings {
  value: unknown;
  /** Never empty. */
  documents: IdList;
}

export const isPosting = ({ fields, unique }: PlannedIndex): boolean =>
  !unique && fields.length === 2 && fields[1] === "_id";

export class PostingIndex implements WalkableIndex {
  readonly name: string;
  readonly fields: string[];
  readonly unique = false;
  readonly #field: string;
  readonly #tree = new SortedTree<Postings>((a, b) => compareValues(a.value, b.value));
  /** The same once more for strings, since a way down the tree is thirty times as long. */
  readonly #ofStrings = new Map<string, Postings>();
  readonly #block: number | undefined;
  #many = 0;
  #leftOut = 0;

  /** @param block documents that are moved together, by default as `IdList` has it */
  constructor({ name, fields }: PlannedIndex, block?: number) {
    this.#block = block;
    this.name = name;
    this.fields = fields;
    this.#field = fields[0] ?? "_id";
  }

  get many(): boolean {
    return this.#many > 0;
  }

  get sparse(): boolean {
    return this.#leftOut > 0;
  }

  clash(): undefined {
    return undefined;
  }

  /** @param documents in the order of their ids, which is quickest */
  load(documents: Document[]): undefined {
    for (const document of documents) this.insert(document);
  }

  insert(document: Document): void {
    const values = this.#valuesOf(document);
    this.#count(values, 1);
    const kept = values.map((value) => this.#add(value, document));
    // The store's own document: equal strings are kept once, not once in each.
    const own = (document as Document & Record<string, unknown>)[this.#field];
    if (!Array.isArray(own) || own.length !== kept.length) return;
    for (const [i, value] of kept.entries()) if (typeof value === "string") own[i] = value;
  }

  remove(document: Document): void {
    const values = this.#valuesOf(document);
    this.#count(values, -1);
    for (const value of values) {
      const postings = this.#find(value);
      if (!postings) continue;
      postings.documents.remove(document);
      if (!postings.documents.empty) continue;
      this.#tree.delete(postings);
      if (typeof value === "string") this.#ofStrings.delete(value);
    }
  }

  replace(before: Document, after: Document): void {
    this.remove(before);
    this.insert(after);
  }

  *walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document> {
    const locateIn = ({ value }: Postings, document: Document | undefined) =>
      document ? locate([value, document._id]) : 0;
    const place = (postings: Postings) => {
      if (locateIn(postings, postings.documents.last) < 0) return -1;
      return locateIn(postings, postings.documents.first) > 0 ? 1 : 0;
    };
    for (const postings of this.#tree.walk(place, descending, effort)) {
      const { documents } = postings;
      const found = descending
        ? documents.before((document) => locateIn(postings, document) > 0)
        : documents.from((document) => locateIn(postings, document) >= 0);
      for (const document of found) {
        effort.touched++;
        if (locateIn(postings, document) !== 0) break;
        yield document;
      }
    }
  }

  /** @returns the value as it is kept */
  #add(value: unknown, document: Document): unknown {
    const known = this.#find(value);
    const postings = known ?? { value, documents: new IdList(this.#block) };
    postings.documents.add(document);
    if (!known) this.#tree.add(postings);
    if (!known && typeof value === "string") this.#ofStrings.set(value, postings);
    return postings.value;
  }

  #find(value: unknown): Postings | undefined {
    if (typeof value === "string") return this.#ofStrings.get(value);
    return this.#tree.find((postings) => compareValues(postings.value, value));
  }

  #count(values: readonly unknown[], step: 1 | -1): void {
    if (values.length === 0) this.#leftOut += step;
    if (values.length > 1) this.#many += step;
  }

  #valuesOf(document: Document): readonly unknown[] {
    const { values, exists } = valuesAt(document, this.#field);
    return exists && values.length === 0 ? [null] : values;
  }
}

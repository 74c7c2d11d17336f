/**
 * The indexes of an embedded collection: ordered by several fields as MongoDB's are, so that one walk serves an equality
 * prefix, a range and a sort. (NeDB's own take one field, and give all of a range before they limit.)
 */
import { compareValues, type Document, rank, valuesAt } from "./document.ts";
import type { Tree, TreeNode } from "./nedb.ts";
import type { PlannedIndex } from "./plan.ts";
import { type Effort, type Place, SortedTree } from "./sorted-tree.ts";

/** Of the values of an index's fields. Negative for keys before the wanted ones, 0 for those, positive after. */
export type Locate = Place<readonly unknown[]>;

export interface WalkableIndex extends PlannedIndex {
  /** Whether some document has several keys, and so may come several times in one walk. */
  readonly many: boolean;
  /** Whether some documents are left out, for they lack the first field. */
  readonly sparse: boolean;
  /** Documents in the order of their keys. The index must not change meanwhile. Costs what is taken, and the way to it. */
  walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document>;
}

/** NeDB's own index of `_id`. */
export class PrimaryIndex implements WalkableIndex {
  readonly name = "_id";
  readonly fields = ["_id"];
  readonly unique = true;
  readonly many = false;
  readonly sparse = false;
  readonly #tree: () => Tree;

  /** @param tree asks for it anew each time: loading the file replaces it */
  constructor(tree: () => Tree) {
    this.#tree = tree;
  }

  find(id: string): Document | undefined {
    return this.#tree().search(id)[0];
  }

  /** In the place of the document with the same `_id`. */
  replace(document: Document): void {
    const there = this.#tree().search(document._id);
    if (there.length > 0) there[0] = document;
  }

  walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document> {
    return walkTree(this.#tree().tree, ({ key }) => locate([key]), descending, effort);
  }
}

/** The values of the fields, and then the document. In the order of those values and of its `_id`: so each is there once. */
type Key = unknown[];

const documentOf = (key: Key): Document => key[key.length - 1] as Document;

/** An index that is not unique leaves out documents without the first field, which therefore cost it nothing. */
export class OrderedIndex implements WalkableIndex {
  readonly name: string;
  readonly fields: string[];
  readonly unique: boolean;
  readonly #tree = new SortedTree<Key>(compareKeys);
  #many = 0;
  #leftOut = 0;

  constructor({ name, fields, unique }: PlannedIndex) {
    this.name = name;
    this.fields = fields;
    this.unique = unique;
  }

  get many(): boolean {
    return this.#many > 0;
  }

  get sparse(): boolean {
    return this.#leftOut > 0;
  }

  /**
   * The document that a unique index has in the place of this one.
   * @param before what this one would replace
   */
  clash(document: Document, before?: Document): Document | undefined {
    if (!this.unique) return undefined;
    const keys = this.#keys(document);
    if (before && sameKeys(this.#keys(before), keys)) return undefined;
    for (const key of keys) {
      const other = this.#tree.find((there) => compareFields(there, key));
      if (other && documentOf(other)._id !== document._id) return documentOf(other);
    }
    return undefined;
  }

  /** Into an empty index. @returns two documents of which a unique index can't have both */
  load(documents: Document[]): [Document, Document] | undefined {
    const keys: Key[] = [];
    for (const document of documents) {
      const own = this.#keys(document);
      this.#count(own.length, 1);
      for (const key of own) keys.push(key);
    }
    // In their order it takes a fraction of the time.
    keys.sort(compareKeys);
    let last: Key | undefined;
    for (const key of keys) {
      if (this.unique && last && compareFields(last, key) === 0) return [documentOf(last), documentOf(key)];
      this.#tree.add(key);
      last = key;
    }
    return undefined;
  }

  insert(document: Document): void {
    this.#add(this.#keys(document));
  }

  remove(document: Document): void {
    this.#delete(this.#keys(document));
  }

  /** Both with the same `_id`. */
  replace(before: Document, after: Document): void {
    const [from, to] = [this.#keys(before), this.#keys(after)];
    if (!sameKeys(from, to)) {
      this.#delete(from);
      this.#add(to);
      return;
    }
    for (const key of to) {
      const there = this.#tree.find((other) => compareKeys(other, key));
      // In its key, which inner nodes of the tree may hold too.
      if (there) there[there.length - 1] = after;
    }
  }

  *walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document> {
    for (const key of this.#tree.walk(locate, descending, effort)) yield documentOf(key);
  }

  #add(keys: Key[]): void {
    for (const key of keys) this.#tree.add(key);
    this.#count(keys.length, 1);
  }

  #delete(keys: Key[]): void {
    for (const key of keys) this.#tree.delete(key);
    this.#count(keys.length, -1);
  }

  #count(keys: number, step: 1 | -1): void {
    if (keys === 0) this.#leftOut += step;
    if (keys > 1) this.#many += step;
  }

  #keys(document: Document): Key[] {
    let keys: Key[] = [[]];
    for (const [i, field] of this.fields.entries()) {
      const found = valuesAt(document, field);
      if (i === 0 && !found.exists && !this.unique) return [];
      const values = found.values.length > 0 ? distinct(found.values) : [null];
      keys = keys.flatMap((key) => values.map((value) => [...key, value]));
    }
    for (const key of keys) key.push(document);
    return keys;
  }
}

function distinct(values: readonly unknown[]): readonly unknown[] {
  if (values.length === 1) return values;
  const sorted = values.toSorted(compareValues);
  return sorted.filter((value, i) => i === 0 || compareValues(value, sorted[i - 1]) !== 0);
}

function compareKeys(a: Key, b: Key): number {
  return compareFields(a, b) || compareValues(documentOf(a)._id, documentOf(b)._id);
}

const sameKeys = (some: Key[], others: Key[]): boolean =>
  some.length === others.length &&
  some.every((key, i) => {
    const other = others[i];
    return other !== undefined && compareKeys(key, other) === 0;
  });

/** All but the documents. */
function compareFields(a: Key, b: Key): number {
  for (let i = 0; i < b.length - 1; i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** In-order traversal of NeDB's tree from the first wanted key on, with the way back up on a stack as deep as the tree. */
function* walkTree(
  root: TreeNode,
  locate: Place<TreeNode>,
  descending: boolean,
  effort: Effort,
): Generator<Document> {
  // "Ahead" is where the walk goes: to the right when ascending.
  const behind = descending ? "right" : "left";
  const ahead = descending ? "left" : "right";
  const place = (node: TreeNode) => {
    effort.touched++;
    return descending ? -locate(node) : locate(node);
  };
  const stack: TreeNode[] = [];
  let node: TreeNode | null = Object.hasOwn(root, "key") ? root : null;
  while (node) {
    if (place(node) >= 0) {
      stack.push(node);
      node = node[behind];
    } else node = node[ahead];
  }
  for (let next = stack.pop(); next; next = stack.pop()) {
    if (place(next) > 0) return;
    yield* next.data;
    for (node = next[ahead]; node; node = node[behind]) stack.push(node);
  }
}

/** Whether a walk of this index meets every document that a query asks for, whose first field has this condition. */
export function reachesAll(
  index: WalkableIndex,
  first: { eq?: unknown; in?: unknown[]; range?: object } | undefined,
) {
  if (!index.sparse) return true;
  if (first?.range) return true;
  if (first?.in) return !first.in.some((value) => rank(value) === 0);
  return first?.eq !== undefined && rank(first.eq) !== 0;
}

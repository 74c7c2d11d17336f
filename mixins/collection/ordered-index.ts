/**
 * The indexes of an embedded collection: ordered by several fields as MongoDB's are, so that one walk serves an equality
 * prefix, a range and a sort. (NeDB's own take one field, and give all of a range before they limit.)
 */
import { compareValues, type Document, rank, valuesAt } from "./document.ts";
import { AVLTree, type Tree, type TreeNode } from "./nedb.ts";
import type { PlannedIndex } from "./plan.ts";

/** Counts what walks touch: for tests of cost, which count and do not time. */
export interface Effort {
  touched: number;
}

/** Negative for keys before the wanted ones, 0 for those, positive after; never falls as keys rise. */
export type Locate = (key: readonly unknown[]) => number;

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

  walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document> {
    return walkTree(this.#tree().tree, ({ key }) => locate([key]), descending, effort);
  }
}

/**
 * A key is the values of the fields and then the `_id`, so that each is there once: removing one of many equal values is
 * quick. An index that is not unique leaves out documents without the first field, which therefore cost it nothing.
 */
export class OrderedIndex implements WalkableIndex {
  readonly name: string;
  readonly fields: string[];
  readonly unique: boolean;
  readonly #tree = new AVLTree({
    unique: true,
    compareKeys: compareKeys as (a: unknown, b: unknown) => number,
  });
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

  /** The document that a unique index has in the place of this one. */
  clash(document: Document): Document | undefined {
    if (!this.unique) return undefined;
    for (const key of this.#keys(document)) {
      const values = key.slice(0, -1);
      const others = this.walk((other) => compareKeys(other.slice(0, -1), values), false, { touched: 0 });
      for (const other of others) if (other._id !== document._id) return other;
    }
    return undefined;
  }

  insert(document: Document): void {
    const keys = this.#keys(document);
    for (const key of keys) this.#tree.insert(key, document);
    this.#count(keys.length, 1);
  }

  remove(document: Document): void {
    const keys = this.#keys(document);
    for (const key of keys) this.#tree.delete(key, document);
    this.#count(keys.length, -1);
  }

  walk(locate: Locate, descending: boolean, effort: Effort): Generator<Document> {
    return walkTree(this.#tree.tree, ({ key }) => locate(key as unknown[]), descending, effort);
  }

  #count(keys: number, step: 1 | -1): void {
    if (keys === 0) this.#leftOut += step;
    if (keys > 1) this.#many += step;
  }

  #keys(document: Document): unknown[][] {
    let keys: unknown[][] = [[]];
    for (const [i, field] of this.fields.entries()) {
      const found = valuesAt(document, field);
      if (i === 0 && !found.exists && !this.unique) return [];
      const values = found.values.length > 0 ? distinct(found.values) : [null];
      keys = keys.flatMap((key) => values.map((value) => [...key, value]));
    }
    for (const key of keys) key.push(document._id);
    return keys;
  }
}

function distinct(values: unknown[]): unknown[] {
  if (values.length === 1) return values;
  const sorted = values.toSorted(compareValues);
  return sorted.filter((value, i) => i === 0 || compareValues(value, sorted[i - 1]) !== 0);
}

function compareKeys(a: readonly unknown[], b: readonly unknown[]): number {
  for (let i = 0; i < b.length; i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** In-order traversal from the first wanted key on, with the way back up on a stack as deep as the tree. */
export function* walkTree<T>(
  root: TreeNode<T>,
  locate: (node: TreeNode<T>) => number,
  descending: boolean,
  effort: Effort,
): Generator<T> {
  // "Ahead" is where the walk goes: to the right when ascending.
  const behind = descending ? "right" : "left";
  const ahead = descending ? "left" : "right";
  const place = (node: TreeNode<T>) => {
    effort.touched++;
    return descending ? -locate(node) : locate(node);
  };
  const stack: TreeNode<T>[] = [];
  let node: TreeNode<T> | null = Object.hasOwn(root, "key") ? root : null;
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

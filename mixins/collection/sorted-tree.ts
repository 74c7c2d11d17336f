/**
 * Items in an order, in a B+ tree: the package `sorted-btree`, with searches and walks that begin where a function says. With NeDB's
 * AVL trees, which have a node for each item, half a million messages took half as much memory again, and a third more time.
 */
import sortedBtree from "sorted-btree";

/** Counts what searches and walks touch: for tests of cost, which count and do not time. */
export interface Effort {
  touched: number;
}

/** Negative for items before the wanted ones, 0 for those, positive after; never falls along the order. */
export type Place<T> = (item: T) => number;

/** Stands between items in the tree's own comparisons, and is never kept. */
class Mark<T> {
  readonly isAfter: (item: T) => boolean;

  constructor(isAfter: (item: T) => boolean) {
    this.isAfter = isAfter;
  }
}

const BTree = sortedBtree.default;

export class SortedTree<T> {
  readonly #tree: InstanceType<typeof BTree<T | Mark<T>, undefined>>;

  /** @param compare 0 only of what is the same item */
  constructor(compare: (a: T, b: T) => number) {
    // What the tree has comes first, what it looks for second.
    this.#tree = new BTree<T | Mark<T>, undefined>(undefined, (there, wanted) => {
      if (wanted instanceof Mark) return wanted.isAfter(there as T) ? 1 : -1;
      return compare(there as T, wanted);
    });
  }

  /** What is there must not be added again. */
  add(item: T): void {
    this.#tree.set(item, undefined);
  }

  delete(item: T): void {
    this.#tree.delete(item);
  }

  /** The first of the wanted ones. */
  find(place: Place<T>): T | undefined {
    const found = this.#tree.nextHigherKey(new Mark((item) => place(item) >= 0)) as T | undefined;
    return found !== undefined && place(found) === 0 ? found : undefined;
  }

  /** The wanted ones in their order, which must not change meanwhile. Costs what is taken, and the way to it. */
  *walk(place: Place<T>, descending: boolean, effort: Effort): Generator<T> {
    const counted: Place<T> = (item) => {
      effort.touched++;
      return place(item);
    };
    const pair = [] as unknown as [T, undefined];
    const items = descending
      ? this.#tree.entriesReversed(new Mark((item) => counted(item) > 0), pair)
      : this.#tree.entries(new Mark((item) => counted(item) >= 0), pair);
    for (const [item] of items as Iterable<[T, undefined]>) {
      if (counted(item) !== 0) return;
      yield item;
    }
  }
}

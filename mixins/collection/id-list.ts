/** Documents in the order of their ids, in blocks: taking one out of a hundred thousand moves some hundreds, not all behind it. */
import type { Document } from "./document.ts";

const BLOCK = 512;

export class IdList {
  readonly #size: number;
  /** None is empty. */
  readonly #blocks: Document[][] = [];

  /** @param size documents of a block, at most */
  constructor(size = BLOCK) {
    this.#size = size;
  }

  get empty(): boolean {
    return this.#blocks.length === 0;
  }

  get first(): Document | undefined {
    return this.#blocks[0]?.[0];
  }

  get last(): Document | undefined {
    return this.#blocks.at(-1)?.at(-1);
  }

  /** Once, however often. */
  add(document: Document): void {
    const { _id } = document;
    const last = this.#blocks.at(-1);
    // Most come with the highest id so far.
    if (!last || (this.last?._id ?? "") < _id) {
      if (last && last.length < this.#size) last.push(document);
      else this.#blocks.push([document]);
      return;
    }
    const [b, at] = this.#place((other) => other._id >= _id);
    const block = this.#blocks[b];
    if (!block || block[at]?._id === _id) return;
    block.splice(at, 0, document);
    if (block.length > this.#size) this.#blocks.splice(b + 1, 0, block.splice(block.length >> 1));
  }

  remove({ _id }: Document): void {
    const [b, at] = this.#place((other) => other._id >= _id);
    const block = this.#blocks[b];
    if (block?.[at]?._id !== _id) return;
    block.splice(at, 1);
    if (block.length === 0) this.#blocks.splice(b, 1);
  }

  /** From the first that fulfils the condition on, as all after it do. */
  *from(fulfils: (document: Document) => boolean): Generator<Document> {
    let [b, at] = this.#place(fulfils);
    for (let block = this.#blocks[b]; block; block = this.#blocks[++b]) {
      for (; at < block.length; at += 1) yield block[at] as Document;
      at = 0;
    }
  }

  /** Backwards, from the last that does not fulfil it on. */
  *before(fulfils: (document: Document) => boolean): Generator<Document> {
    let [b, at] = this.#place(fulfils);
    for (;;) {
      const block = this.#blocks[b] ?? [];
      while (at > 0) yield block[--at] as Document;
      b -= 1;
      if (b < 0) return;
      at = this.#blocks[b]?.length ?? 0;
    }
  }

  #place(fulfils: (document: Document) => boolean): [block: number, at: number] {
    const b = search(this.#blocks, (block) => fulfils(block.at(-1) as Document));
    return [b, search(this.#blocks[b] ?? [], fulfils)];
  }
}

/** The first place from which on all fulfil the condition. */
function search<T>(items: T[], fulfils: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    // Within bounds.
    if (fulfils(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}

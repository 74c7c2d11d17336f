/** Gathers what is written to many sockets over one turn of the event loop, so that each of them gets it in one write. */

/** Somebody who has something to write. */
export interface Writer {
  flush(): void;
}

export class WriteTurn {
  #writers: Writer[] = [];
  #joined: { parts: readonly Buffer[]; whole: Buffer } | undefined;

  /** Has it flushed when all that is ready now has run. To be called once a turn and writer. */
  add(writer: Writer): void {
    this.#writers.push(writer);
    if (this.#writers.length === 1) setImmediate(() => this.#flush());
  }

  /** Who reads the same conversations is owed the same, as a rule: the bytes are made once, and are the same for all of them. */
  join(parts: readonly Buffer[]): Buffer {
    const [first] = parts;
    if (first && parts.length === 1) return first;
    if (!this.#joined || !isSame(parts, this.#joined.parts))
      this.#joined = { parts, whole: Buffer.concat(parts) };
    return this.#joined.whole;
  }

  #flush(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) writer.flush();
    this.#joined = undefined;
  }
}

const isSame = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((part, i) => part === b[i]);

/** Moves what only goes on: while one write for a key is under way, all that comes for it goes with the next one. */
export class Advancing<P extends { seq: number }, R> {
  readonly #write: (key: string, position: P) => Promise<R>;
  readonly #planned = new Map<string, { position: P; done: Promise<R> }>();
  readonly #underWay = new Map<string, Promise<unknown>>();

  /** @param write must leave alone what is further on already */
  constructor(write: (key: string, position: P) => Promise<R>) {
    this.#write = write;
  }

  /** Answers when it was written, this position or a later one. */
  to(key: string, position: P): Promise<R> {
    const planned = this.#planned.get(key);
    if (planned) {
      if (position.seq > planned.position.seq) planned.position = position;
      return planned.done;
    }
    const before = this.#underWay.get(key) ?? Promise.resolve();
    const move: { position: P; done: Promise<R> } = {
      position,
      done: before.then(() => {
        this.#planned.delete(key);
        return this.#write(key, move.position);
      }),
    };
    this.#planned.set(key, move);
    const settled: Promise<unknown> = move.done
      .catch(() => {})
      .then(() => {
        if (this.#underWay.get(key) === settled) this.#underWay.delete(key);
      });
    this.#underWay.set(key, settled);
    return move.done;
  }
}

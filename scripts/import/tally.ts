/** Counts what became of records, by what the file calls them, and why some were refused. */

export type Fate = "made" | "there" | "refused";

interface Counts {
  made: number;
  there: number;
  refused: number;
}

export interface TallyState {
  counts: Record<string, Counts>;
  /** `<record>: <reason>` */
  reasons: Record<string, number>;
  nicknamesTaken: number;
  /** Messages that stand at a later time than they say. */
  retimed: number;
}

const NOTHING: TallyState = { counts: {}, reasons: {}, nicknamesTaken: 0, retimed: 0 };

/** A reason has no value of a record in it, so that there are few. All of them, escaped, have to fit into `Progress.state`. */
const MAX_REASONS = 120;
const MAX_REASON_CHARACTERS = 200;

export class Tally {
  readonly #counts: Map<string, Counts>;
  readonly #reasons: Map<string, number>;
  nicknamesTaken: number;
  retimed: number;

  constructor({ counts, reasons, nicknamesTaken, retimed }: TallyState = NOTHING) {
    this.#counts = new Map(Object.entries(counts).map(([name, of]) => [name, { ...of }]));
    this.#reasons = new Map(Object.entries(reasons));
    this.nicknamesTaken = nicknamesTaken;
    this.retimed = retimed;
  }

  add(name: string, fate: Fate): void {
    const counts = this.#counts.get(name) ?? { made: 0, there: 0, refused: 0 };
    counts[fate] += 1;
    this.#counts.set(name, counts);
  }

  refuse(name: string, reason: string): void {
    this.add(name, "refused");
    const full = `${name}: ${reason.slice(0, MAX_REASON_CHARACTERS)}`;
    const key = this.#reasons.has(full) || this.#reasons.size < MAX_REASONS ? full : "other reasons";
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce(
      (sum, { made, there, refused }) => sum + made + there + refused,
      0,
    );
  }

  get state(): TallyState {
    return {
      counts: Object.fromEntries(this.#counts),
      reasons: Object.fromEntries(this.#reasons),
      nicknamesTaken: this.nicknamesTaken,
      retimed: this.retimed,
    };
  }
}

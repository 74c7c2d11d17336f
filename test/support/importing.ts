// Runs `npm run import` as a process of its own, which can be killed at any point.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { hold, release } from "../servers/custody.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", "scripts", "import.ts");

export class Import {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  /** @param env all that it gets, beside PATH */
  constructor(args: string[], env: Record<string, string>) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (child.pid !== undefined) hold(child.pid);
    child.stdout.setEncoding("utf8").on("data", (piece) => {
      this.stdout += piece;
    });
    child.stderr.setEncoding("utf8").on("data", (piece) => {
      this.stderr += piece;
    });
    this.#child = child;
    this.#ended = once(child, "close").then(([code]) => {
      if (child.pid !== undefined) release(child.pid);
      return code;
    });
  }

  /** The last one it told of, from 0 to 100. */
  get percent(): number {
    return Number([...this.stderr.matchAll(/(\d+) % {2}/g)].at(-1)?.[1] ?? 0);
  }

  /** Resolves when it has come this far, or has ended. */
  async reached(percent: number): Promise<void> {
    let over = false;
    void this.#ended.then(() => {
      over = true;
    });
    while (!over && this.percent < percent) {
      await Promise.race([once(this.#child.stderr ?? this.#child, "data"), this.#ended]);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns the exit code; null where it was killed */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}

// Moleculer's console of a real Veche, typed into as an operator does.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../servers/eventually.ts";

const START = join(import.meta.dirname, "..", "..", "scripts", "start.ts");

export class Console {
  readonly #directory = mkdtempSync(join(tmpdir(), "veche-console-"));
  readonly #process: ChildProcess;
  #printed = "";
  #calls = 0;

  constructor() {
    this.#process = spawn(process.execPath, [START, "--repl"], {
      env: {
        PATH: process.env.PATH ?? "",
        // It keeps the history of what is typed.
        HOME: this.#directory,
        DATA_DIR: join(this.#directory, "data"),
        PORT: "0",
        BCRYPT_COST: "4",
      },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#printed += text;
      });
    }
  }

  async ready(): Promise<void> {
    await eventually(() => this.#printed.includes("mol $"));
  }

  /**
   * Types `call <action> <options>`.
   * @returns the answer, or what was printed of the error
   */
  async call<T = Record<string, unknown>>(
    action: string,
    options: string,
  ): Promise<{ answer?: T; error?: string }> {
    this.#calls += 1;
    const file = join(this.#directory, `${this.#calls}.json`);
    const from = this.#printed.length;
    this.#process.stdin?.write(`call ${action} ${options} --save ${file}\n`);
    // The prompt comes again when the call is done.
    await eventually(() => this.#printed.indexOf("mol $", from) >= 0, { every: 10 });
    if (existsSync(file)) return { answer: JSON.parse(readFileSync(file, "utf8")) };
    return { error: this.#printed.slice(from) };
  }

  async stop(): Promise<void> {
    const gone = new Promise((exited) => this.#process.once("exit", exited));
    this.#process.kill("SIGKILL");
    await gone;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

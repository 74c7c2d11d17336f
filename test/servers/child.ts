// A real process for tests: started, asked until it answers, killed, and started again on the same ports and data.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { hold, release } from "./custody.ts";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Command {
  program: string;
  args: string[];
  env: Record<string, string>;
}

export interface ChildOptions {
  name: string;
  /** Standard output and standard error of every start are appended here. */
  logFile: string;
  /** Picks ports and makes the command. Called again only when a picked port was taken before the first answer. */
  command: () => Promise<Command>;
  /** Whether the process answers; a rejection counts as no. */
  answers: () => Promise<boolean>;
  /** Milliseconds that a start may take until the process answers. */
  startWithin: number;
}

const PORT_TAKEN = /EADDRINUSE|address already in use/i;

export class Child {
  readonly name: string;
  readonly logFile: string;
  readonly #options: ChildOptions;
  #command: Command | undefined;
  #process: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #exit: Exit | undefined;
  #answered = false;
  #logStart = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.name = options.name;
    this.logFile = options.logFile;
  }

  /** Of the process that runs, or ran last; 0 before the first start. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get running(): boolean {
    return this.#process !== undefined && this.#exit === undefined;
  }

  /** Settles when the process that runs now ends; never rejects. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  /** Everything it wrote, over all starts. */
  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  /** What it wrote since the last start. */
  logSinceStart(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile).subarray(this.#logStart).toString() : "";
  }

  /** Starts the process and does not wait for it to answer. */
  async spawn(): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already`);
    this.#command ??= await this.#options.command();
    const { program, args, env } = this.#command;
    this.#logStart = existsSync(this.logFile) ? statSync(this.logFile).size : 0;
    // A file and not a pipe: the log is whole even when this process is busy or dead.
    const output = openSync(this.logFile, "a");
    const child = spawn(program, args, { env, stdio: ["ignore", output, output] });
    closeSync(output);
    if (child.pid !== undefined) hold(child.pid);
    this.#process = child;
    this.#exit = undefined;
    this.#exited = new Promise((resolve) => {
      const ended = (exit: Exit) => {
        if (child.pid !== undefined) release(child.pid);
        if (this.#process === child) this.#exit = exit;
        resolve(exit);
      };
      child.once("exit", (code, signal) => ended({ code, signal }));
      // It could not be started at all (no such program).
      child.once("error", () => child.pid === undefined && ended({ code: 127, signal: null }));
    });
    // A test that forgets to stop it must not keep Jest from ending: the guard takes care of the rest.
    child.unref();
  }

  /** Resolves when the process answers; rejects with its log when it ends or the deadline passes. */
  async ready(within = this.#options.startWithin): Promise<void> {
    const deadline = performance.now() + within;
    while (!(await this.#isReady())) {
      if (!this.#answered && PORT_TAKEN.test(this.logSinceStart())) {
        await this.kill();
        this.#command = undefined;
        await this.spawn();
      }
      if (!this.running) throw this.#failure("ended");
      if (performance.now() > deadline) throw this.#failure(`did not answer within ${within} ms`);
      await wait(20);
    }
    this.#answered = true;
  }

  /** Starts it, on the ports and data it had before, and waits until it answers. */
  async start(): Promise<void> {
    await this.spawn();
    await this.ready();
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    this.#process?.ref();
    return this.#exited;
  }

  /** SIGTERM, and waits; what has not ended within `within` milliseconds is killed, which the answer's signal shows. */
  async stop(within = 10_000): Promise<Exit> {
    if (!this.running) return this.#exited;
    this.signal("SIGTERM");
    const tooLate = new AbortController();
    wait(within, undefined, { signal: tooLate.signal }).then(
      () => this.signal("SIGKILL"),
      () => {},
    );
    const exit = await this.#exited;
    tooLate.abort();
    return exit;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** SIGSTOP and SIGCONT make a process that hangs, and wakes up again. */
  signal(name: NodeJS.Signals): void {
    if (this.running) this.#process?.kill(name);
  }

  async #isReady(): Promise<boolean> {
    if (!this.running) return false;
    const answers = await this.#options.answers().catch(() => false);
    return answers && this.running;
  }

  #failure(what: string): Error {
    const log = this.logSinceStart().trim();
    return new Error(`${this.name} ${what}. Its log:\n${log.slice(-4000) || "(empty)"}`);
  }
}

/** Has images decoded by a process of its own, one at a time; starts it when it is needed, and ends it when it is idle. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { invalidArgument, unavailable } from "../../../lib/errors.ts";
import type { UserId } from "../../../lib/ids.ts";
import { BROKEN, type DecodeAnswer, type Decoded, type DecodeRequest, READY, TOO_SLOW } from "./protocol.ts";
import { Turns } from "./turns.ts";

type Work = Omit<DecodeRequest, "id">;

const PROGRAM = fileURLToPath(new URL("decoder-process.ts", import.meta.url));
/** Milliseconds for one image, all of it. */
const WITHIN_MS = 15_000;
const IDLE_MS = 30_000;
/** What an image does not do to the decoder: somebody else ended it, such as a system that is short of memory. */
const FROM_OUTSIDE = new Set(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]);

/** The decoder was ended while it worked, and not by the image. */
class Ended extends Error {}

export class Decoder {
  readonly #program: string;
  readonly #node: string;
  readonly #within: number;
  readonly #warn: (message: string) => void;
  readonly #turns = new Turns();
  #process: ChildProcess | undefined;
  /** Those that have come so far as to decode. */
  readonly #ready = new WeakSet<ChildProcess>();
  #next = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param warn is told of what is the operator's trouble */
  constructor(
    warn: (message: string) => void,
    { program = PROGRAM, node = process.execPath, within = WITHIN_MS } = {},
  ) {
    this.#warn = warn;
    this.#program = program;
    this.#node = node;
    this.#within = within;
  }

  /**
   * Writes both sizes of an image. Where it is refused, one of them may be there all the same.
   * @param gone from then on nobody wants it, if it still waits
   * @throws INVALID_ARGUMENT for what is no image that is allowed; RESOURCE_EXHAUSTED; UNAVAILABLE; NOT_FOUND where it is gone
   */
  async decode(work: Work, owner: UserId, gone: AbortSignal): Promise<Decoded> {
    try {
      return await this.#turns.take(owner, gone, async () => {
        clearTimeout(this.#idle);
        const until = performance.now() + this.#within;
        return await this.#ask(work, until).catch((error: unknown) => {
          if (error instanceof Ended) return this.#ask(work, until);
          throw error;
        });
      });
    } catch (error) {
      throw error instanceof Ended ? unavailable() : error;
    } finally {
      if (this.#turns.idle) this.#endWhenIdle();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#end();
  }

  /** @param until of `performance.now()` */
  #ask(work: Work, until: number): Promise<Decoded> {
    if (this.#closed) return Promise.reject(unavailable());
    const decoder = this.#start();
    if (!decoder) return Promise.reject(unavailable());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        clearTimeout(timer);
        decoder.off("message", onMessage).off("exit", onExit).off("error", onError);
        outcome();
      };
      const onMessage = (answer: DecodeAnswer | typeof READY) => {
        if (answer === READY || answer.id !== id) return;
        if ("decoded" in answer) settle(() => resolve(answer.decoded));
        else if ("refused" in answer) settle(() => reject(invalidArgument(answer.refused)));
        else settle(() => reject(this.#trouble(answer.failed)));
      };
      const onExit = (code: number | null, signal: string | null) =>
        settle(() => reject(this.#whyEnded(decoder, signal ?? `code ${code}`)));
      // Node tells by this alone that a process could not be started.
      const onError = (error: Error) =>
        settle(() => {
          this.#end();
          reject(this.#trouble(error.message));
        });
      const timer = setTimeout(
        () => {
          settle(() => reject(invalidArgument(TOO_SLOW)));
          this.#end();
        },
        Math.max(0, until - performance.now()),
      );
      decoder.on("message", onMessage).once("exit", onExit).once("error", onError);
      decoder.send({ id, ...work } satisfies DecodeRequest);
    });
  }

  #whyEnded(decoder: ChildProcess, how: string): Error {
    if (this.#closed) return unavailable();
    if (FROM_OUTSIDE.has(how)) {
      this.#warn(`The decoder was ended from outside, by ${how}. Has the machine enough memory?`);
      return new Ended();
    }
    // Before that it has not seen the image.
    return this.#ready.has(decoder) ? invalidArgument(BROKEN) : this.#trouble(`It ended with ${how}.`);
  }

  #trouble(message: string): Error {
    this.#warn(`The decoder can't work: ${message}`);
    return unavailable();
  }

  #start(): ChildProcess | undefined {
    if (this.#process?.connected) return this.#process;
    try {
      // None of our environment: it reads what strangers send, and needs no secrets.
      const decoder = fork(this.#program, {
        env: {},
        execPath: this.#node,
        execArgv: ["--max-old-space-size=64", "--disable-warning=ExperimentalWarning"],
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      });
      // For what comes when nobody waits any more.
      decoder.on("error", () => {});
      // What Node does not tell of later.
      if (!decoder.connected) throw new Error("there are no more files to be opened");
      decoder.once("message", () => this.#ready.add(decoder));
      decoder.once("exit", () => {
        if (this.#process === decoder) this.#process = undefined;
      });
      this.#process = decoder;
      return decoder;
    } catch (error) {
      this.#warn(`The decoder can't be started: ${(error as Error).message}`);
      return undefined;
    }
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(), IDLE_MS);
    this.#idle.unref();
  }

  #end(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }
}

/** Has images decoded by a process of its own, one at a time; starts it when it is needed, and ends it when it is idle. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { invalidArgument, resourceExhausted, unavailable } from "../../../lib/errors.ts";
import { BROKEN, type DecodeAnswer, type Decoded, type DecodeRequest, TOO_SLOW } from "./protocol.ts";

type Work = Omit<DecodeRequest, "id">;

const PROGRAM = fileURLToPath(new URL("decoder-process.ts", import.meta.url));
/** How many may wait: more would wait for longer than a request lasts. */
const MAX_WAITING = 32;
/** Milliseconds for one image, all of it. */
const WITHIN_MS = 20_000;
const IDLE_MS = 30_000;

export class Decoder {
  #process: ChildProcess | undefined;
  #latest: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #next = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * Writes both sizes of an image. Where it is refused, one of them may be there all the same.
   * @throws INVALID_ARGUMENT for what is no image that is allowed; RESOURCE_EXHAUSTED; UNAVAILABLE
   */
  async decode(work: Work): Promise<Decoded> {
    if (this.#waiting >= MAX_WAITING) throw resourceExhausted("Too many photos are being uploaded.", 5);
    this.#waiting += 1;
    const turn = this.#latest.then(() => this.#ask(work));
    this.#latest = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#endWhenIdle();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#end();
  }

  #ask(work: Work): Promise<Decoded> {
    if (this.#closed) return Promise.reject(unavailable());
    clearTimeout(this.#idle);
    const decoder = this.#start();
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        clearTimeout(timer);
        decoder.off("message", onMessage).off("exit", onExit);
        outcome();
      };
      const onMessage = (answer: DecodeAnswer) => {
        if (answer.id !== id) return;
        if ("decoded" in answer) settle(() => resolve(answer.decoded));
        else settle(() => reject(invalidArgument(answer.refused)));
      };
      // Ended by the image, as far as anybody can tell; or with this process.
      const onExit = () => settle(() => reject(this.#closed ? unavailable() : invalidArgument(BROKEN)));
      const timer = setTimeout(() => {
        settle(() => reject(invalidArgument(TOO_SLOW)));
        this.#end();
      }, WITHIN_MS);
      decoder.on("message", onMessage).once("exit", onExit);
      decoder.send({ id, ...work } satisfies DecodeRequest);
    });
  }

  #start(): ChildProcess {
    if (this.#process?.connected) return this.#process;
    // None of our environment: it reads what strangers send, and needs no secrets.
    const decoder = fork(PROGRAM, {
      env: {},
      execArgv: ["--max-old-space-size=64", "--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    // Told by its exit, which follows.
    decoder.on("error", () => {});
    decoder.once("exit", () => {
      if (this.#process === decoder) this.#process = undefined;
    });
    this.#process = decoder;
    return decoder;
  }

  #endWhenIdle(): void {
    this.#idle = setTimeout(() => this.#end(), IDLE_MS);
    this.#idle.unref();
  }

  #end(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }
}

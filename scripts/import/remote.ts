/**
 * Calls between the two threads of an import: one reads the file and knows the older system, the other has the broker, and, in a
 * process by itself, the database. So each has a heap of its own, and the first one's can be seen to stay small.
 */
import type { MessagePort, Worker } from "node:worker_threads";
import type { ServiceBroker } from "moleculer";
import { type ActionName, call, type ParamsOf, type ResultOf } from "../../lib/contract.ts";
import { isVecheError } from "../../lib/errors.ts";

interface Request {
  call: number;
  action: ActionName;
  params: unknown;
}

type Reply = { reply: number } & ({ result: unknown } | { code: string; message: string });

export type Calls = <N extends ActionName>(action: N, params: ParamsOf<N>) => Promise<ResultOf<N>>;

/** A call failed. `code` is one of Veche's, or the name of an error of the mesh. */
export class CallFailed extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "CallFailed";
    this.code = code;
  }
}

/** Of a batch, on a busy database: one in files answers nothing while it rewrites a large one. */
const TIMEOUT_MS = 300_000;

/** In the thread with the broker. */
export function answerCalls(worker: Worker, broker: ServiceBroker): void {
  worker.on("message", async (message: Partial<Request>) => {
    const { call: id, action, params } = message;
    if (id === undefined || action === undefined) return;
    let reply: Reply;
    try {
      // The params were checked against the action's types where the call was made, and are again by the broker.
      const result = await call(broker, action, params as never, { timeout: TIMEOUT_MS });
      reply = { reply: id, result };
    } catch (error) {
      const { name, message: said } = error as Error;
      reply = { reply: id, code: isVecheError(error) ? error.type : name, message: said };
    }
    worker.postMessage(reply);
  });
}

/** In the thread with the file. */
export function callsOver(port: MessagePort): Calls {
  let last = 0;
  const waiting = new Map<number, (reply: Reply) => void>();
  port.on("message", (message: Partial<Reply>) => {
    if (message.reply === undefined) return;
    waiting.get(message.reply)?.(message as Reply);
    waiting.delete(message.reply);
  });
  return (action, params) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, (reply) => {
        // What comes is what this action answered.
        if ("result" in reply) resolve(reply.result as ResultOf<typeof action>);
        else reject(new CallFailed(reply.code, reply.message));
      });
      port.postMessage({ call: last, action, params } satisfies Request);
    });
}

/** Trying again helps nobody. */
const FINAL = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "INTERNAL",
]);
const PATIENCE_MS = 900_000;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Everything that an import calls can be repeated: so it waits for what is away.
 * @param signal ends the waiting
 * @param onWait told why, each time
 */
export const patient =
  (calls: Calls, signal: AbortSignal, onWait: (reason: string) => void): Calls =>
  async (action, params) => {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let pause = 100; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await calls(action, params);
      } catch (error) {
        const passes = error instanceof CallFailed && !FINAL.has(error.code);
        if (!passes || signal.aborted || performance.now() + pause > giveUpAt) throw error;
        onWait(error.message);
        await new Promise((passed) => setTimeout(passed, pause));
      }
    }
  };

// Questions between the bench and the processes it starts: targets and what loads them.
import type { ChildProcess } from "node:child_process";

interface Question {
  id: number;
  name: string;
  params: unknown;
}

interface Answer {
  id: number;
  answer?: unknown;
  error?: string;
}

let last = 0;

/** @throws Error with what the process threw */
export function ask<T>(child: ChildProcess, name: string, params: unknown = {}): Promise<T> {
  last += 1;
  const id = last;
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      child.off("message", onAnswer);
      child.off("exit", onExit);
      settle();
    };
    const onExit = () => done(() => reject(new Error(`the process that was asked for ${name} has ended`)));
    const onAnswer = (message: unknown) => {
      const { id: of, answer, error } = message as Answer;
      if (of !== id) return;
      // Each process answers what is asked of it: both ends are ours.
      done(() => (error === undefined ? resolve(answer as T) : reject(new Error(`${name}: ${error}`))));
    };
    child.on("message", onAnswer);
    child.on("exit", onExit);
    child.send({ id, name, params } satisfies Question);
  });
}

export type Answers = Record<string, (params: never) => unknown>;

/** In the process that is asked. Several modules may each answer what they know. */
export function answering(answers: Answers): void {
  process.on("message", async (message) => {
    const { id, name, params } = message as Question;
    if (!Object.hasOwn(answers, name)) return;
    try {
      process.send?.({ id, answer: await answers[name]?.(params as never) } satisfies Answer);
    } catch (error) {
      process.send?.({ id, error: (error as Error).message } satisfies Answer);
    }
  });
}

/** Microseconds of CPU that a process has used, user and system. */
export const cpuOf = (child: ChildProcess): Promise<number> => ask<number>(child, "cpu");

/** Bytes, after a collection of garbage. */
export interface Memory {
  rss: number;
  heap: number;
}

export const memoryOf = (child: ChildProcess): Promise<Memory> => ask<Memory>(child, "memory");

/** What every target answers. */
export const usage: Answers = {
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  memory: async (): Promise<Memory> => {
    const { gc } = globalThis;
    if (!gc) throw new Error("needs --expose-gc");
    for (let i = 0; i < 5; i += 1) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heap: heapUsed + external };
  },
};

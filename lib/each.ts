/** For sweeps and the like: one thing that can't be mended must not keep the others from it. */

interface Options {
  /** At the same time. */
  width?: number;
  /** Nothing new is begun from then on. */
  signal?: AbortSignal | undefined;
}

/** Works on all of them, also when one fails. @throws what the first that failed has thrown, after the last */
export async function each<T>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => unknown,
  { width = 1, signal }: Options = {},
): Promise<void> {
  const failures: unknown[] = [];
  let batch: T[] = [];
  const workOff = async () => {
    const done = await Promise.allSettled(batch.map(async (item) => work(item)));
    for (const result of done) if (result.status === "rejected") failures.push(result.reason);
    batch = [];
  };
  for await (const item of items) {
    if (signal?.aborted) break;
    batch.push(item);
    if (batch.length >= width) await workOff();
  }
  if (!signal?.aborted) await workOff();
  if (failures.length > 0) throw failures[0];
}

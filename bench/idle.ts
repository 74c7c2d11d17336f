// Memory of connections that say nothing, beside a bare `ws` server's. Needs `ulimit -n` above the number of connections.
import { JWT_SECRET, tokenOfNobody } from "./accounts.ts";
import { ask, type Memory, memoryOf } from "./asking.ts";
import type { Idlers } from "./load/idlers.ts";
import { startProcess, startTarget, stopProcess, stopTarget, webSocketUrl } from "./target.ts";

const CONNECTIONS = 10_000;
/** Opened and closed before the first measurement, so that the code is loaded and compiled. */
const WARM_UP = 500;

/**
 * V8 keeps up to 100 MiB of a process that has been busy for short-lived objects, of whatever they are; the second way shows what
 * connections hold.
 */
const YOUNG_GENERATION: Record<string, string[]> = {
  usual: [],
  "1 MiB": ["--max-semi-space-size=1"],
};

interface Contestant {
  name: string;
  target: string;
  path: string;
  /** Each connection is another user's. */
  token?: () => string;
  until?: string;
}

const CONTESTANTS: Contestant[] = [
  { name: "ws", target: "bare-ws", path: "/" },
  { name: "Veche", target: "veche", path: "/v1/ws", token: tokenOfNobody, until: '{"op":"ready"' },
];

export async function idleBench(): Promise<void> {
  const rows: object[] = [];
  const runs = Object.entries(YOUNG_GENERATION).flatMap(([young, options]) =>
    CONTESTANTS.map((contestant) => ({ young, options, contestant })),
  );
  for (const { young, options, contestant } of runs) {
    const { empty, full } = await measure(contestant, options);
    const each = (kind: keyof Memory) => (full[kind] - empty[kind]) / CONNECTIONS / 1024;
    rows.push({
      server: contestant.name,
      "young generation": young,
      "empty process MiB": (empty.rss / 2 ** 20).toFixed(0),
      "KiB a connection": each("rss").toFixed(1),
      "of it JavaScript's": each("heap").toFixed(1),
    });
  }
  console.log(`\n${CONNECTIONS} idle connections, after a collection of garbage`);
  console.table(rows);
}

async function measure({ target: name, path, token, until }: Contestant, options: string[]) {
  const target = await startTarget(name, { env: { JWT_SECRET }, options: ["--expose-gc", ...options] });
  const idlers = startProcess("load/idlers.ts");
  const open = (count: number) =>
    ask(idlers, "open", {
      url: webSocketUrl(target, path),
      tokens: Array.from({ length: count }, () => token?.()),
      until,
    } satisfies Idlers);
  try {
    await open(WARM_UP);
    await ask(idlers, "close");
    const empty = await memoryOf(target.child);
    await open(CONNECTIONS);
    const full = await memoryOf(target.child);
    const still = await ask<number>(idlers, "count");
    if (still !== CONNECTIONS) throw new Error(`${name} closed ${CONNECTIONS - still} connections`);
    return { empty, full };
  } finally {
    await stopProcess(idlers);
    await stopTarget(target);
  }
}

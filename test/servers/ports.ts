// Free loopback ports for servers that must come back on the same port after a crash.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range from which Linux picks the ports of outgoing connections (32768 and up). Inside it, a client that
// keeps trying to reach a killed server can be given that very port as its own, connect to itself and keep it.
const LOWEST = 15_000;
const HIGHEST = 32_000;

const given = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** A port that nothing listens on. Someone else may still take it first: who listens on it tries again with another. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

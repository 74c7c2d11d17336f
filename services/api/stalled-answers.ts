/** Ends connections whose client takes nothing of its answer, which would be kept in memory for as long as it likes. */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const LOOKS = 6;

/** What is known of an answer that is not all handed over. */
interface Pace {
  /** Differs when the client has taken something. */
  taken: string;
  since: number;
}

const ownPaces = new WeakSet<ServerResponse>();

/** Says that whoever writes an answer decides by itself how slow its reader may be. */
export const keepOwnPace = (res: ServerResponse): void => void ownPaces.add(res);

/** @param stalledMs milliseconds without a byte, give or take a sixth */
export function endStalled(server: Server, stalledMs: number): void {
  const answers = new Map<ServerResponse, Pace>();
  server.on("request", (_req, res: ServerResponse) => {
    answers.set(res, { taken: "", since: 0 });
    res.once("close", () => answers.delete(res));
  });
  const look = () => {
    const now = performance.now();
    for (const [res, pace] of answers) {
      const taken = takenOf(res.socket);
      if (taken === undefined || taken !== pace.taken || ownPaces.has(res)) {
        answers.set(res, { taken: taken ?? "", since: now });
      } else if (now - pace.since >= stalledMs) {
        res.destroy();
      }
    }
  };
  let looking: NodeJS.Timeout | undefined;
  server.on("listening", () => {
    looking = setInterval(look, stalledMs / LOOKS).unref();
  });
  server.on("close", () => clearInterval(looking));
}

/**
 * Not a timeout of the socket: bytes that come in put that off too. It looks at the handle as Node's does, since a large write
 * counts as waiting until its last byte has gone.
 * @param socket null where other answers of the connection come first
 * @returns undefined where nothing waits for the client
 */
function takenOf(
  socket: (Socket & { _handle?: { writeQueueSize?: number } | null }) | null,
): string | undefined {
  if (socket === null || socket.writableLength === 0) return undefined;
  const written = socket.bytesWritten - socket.writableLength;
  return `${written} ${socket._handle?.writeQueueSize}`;
}

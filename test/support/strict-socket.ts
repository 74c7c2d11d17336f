// Watches every WebSocket of this process: on each connection, a conversation's entries must come without a hole, each once, in order.
// (The client passes over what it has shown already, so it would hide that.)

type Frame = { op?: unknown; conversation?: unknown; conversation_id?: unknown; seq?: unknown };

const ENTRIES = new Set(["message", "edited", "deleted"]);

/** @returns what was wrong, as it comes in, and how to end it */
export function watchSockets(): { violations: string[]; stop(): void } {
  const Plain = globalThis.WebSocket;
  const violations: string[] = [];

  class Watched extends Plain {
    constructor(url: string | URL) {
      super(url);
      /** By conversation, the last seq that came on this connection. */
      const last = new Map<string, number>();
      this.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(String(data)) as Frame;
        const conversation = String(frame.conversation ?? frame.conversation_id);
        const seq = Number(frame.seq);
        // A new subscription may begin anywhere.
        if (frame.op === "subscribed") last.delete(conversation);
        if (!ENTRIES.has(String(frame.op))) return;
        const before = last.get(conversation);
        if (before !== undefined && seq !== before + 1)
          violations.push(`${conversation}: ${seq} came after ${before}`);
        last.set(conversation, seq);
      });
    }
  }

  globalThis.WebSocket = Watched;
  return {
    violations,
    stop() {
      globalThis.WebSocket = Plain;
    },
  };
}

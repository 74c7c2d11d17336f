/**
 * Knows whether NATS is there. While it is not, the other nodes count as gone: what only they do fails at once instead of piling
 * up in the client's buffer, and calls under way to them are given up; what this node does too it does by itself, whoever's turn
 * it would be. When NATS is back, each node is called again as soon as it answers, since it may have found NATS later than this
 * one, and what it is sent before that is lost.
 */
import type { Context, Middleware, ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import { runtimeOf } from "../runtime.ts";

/** Moleculer itself looks only once in `heartbeatTimeout`, so that a dead node can stay in rotation for twice that. */
const CHECK_NODES_EVERY_MS = 250;

type Next = (ctx: Context) => Answer;

/** As Moleculer extends the promises of a broker. */
interface Answer extends Promise<unknown> {
  timeout(ms: number): Promise<unknown>;
}

/** The parts of Moleculer's internals that have no public name. */
interface MeshInternals {
  transit?: {
    tx: { client: NatsConnection | null };
    discoverNodes(): Promise<void>;
  } | null;
  registry: {
    nodes: {
      list(options: { onlyAvailable: boolean }): { id: string; local: boolean }[];
      disconnected(nodeId: string, unexpected: boolean): void;
    };
    discoverer: { sendLocalNodeInfo(): Promise<void>; checkRemoteNodes(): void };
  };
}

export function transporterWatch(): Middleware {
  let checking: NodeJS.Timeout | undefined;
  return {
    name: "TransporterWatch",
    created(broker: ServiceBroker) {
      broker.localBus.on("$transporter.connected", () => void watch(broker));
    },
    async started(started: ServiceBroker) {
      const { transit, registry } = started as unknown as MeshInternals;
      if (transit)
        checking = setInterval(() => registry.discoverer.checkRemoteNodes(), CHECK_NODES_EVERY_MS).unref();
    },
    async stopped() {
      clearInterval(checking);
    },
    // Moleculer ends a call that is too late only for who made it. The shutdown, which waits until nothing is under way, would
    // wait on for an answer that was lost.
    remoteAction(next: Next) {
      return (ctx: Context) => {
        const { timeout } = ctx.options as { timeout?: number };
        const answer = next(ctx);
        return timeout ? answer.timeout(timeout) : answer;
      };
    },
  };
}

const watched = new WeakSet<NatsConnection>();

async function watch(broker: ServiceBroker): Promise<void> {
  const { transit, registry } = broker as unknown as MeshInternals;
  const connection = transit?.tx.client;
  if (!transit || !connection || watched.has(connection)) return;
  watched.add(connection);
  const { lifecycle } = runtimeOf(broker);
  for await (const { type } of connection.status()) {
    if (type === "disconnect") {
      lifecycle.disconnected = true;
      for (const { id, local } of registry.nodes.list({ onlyAvailable: true })) {
        if (!local) registry.nodes.disconnected(id, true);
      }
    }
    if (type === "reconnect") {
      lifecycle.disconnected = false;
      await Promise.all([registry.discoverer.sendLocalNodeInfo(), transit.discoverNodes()]).catch(
        () => undefined,
      );
    }
  }
}

/**
 * Knows whether NATS is there. While it is not, calls to other nodes fail at once with UNAVAILABLE instead of piling up
 * in the client's buffer, and those under way are given up; when it is back, the nodes find each other without waiting
 * for the next heartbeat.
 */
import type { Context, Middleware, ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import { unavailable } from "../../lib/errors.ts";
import { runtimeOf } from "../runtime.ts";

/** Moleculer itself looks only once in `heartbeatTimeout`, so that a dead node can stay in rotation for twice that. */
const CHECK_NODES_EVERY_MS = 250;

type Next = (ctx: Context) => Promise<unknown>;

/** The parts of Moleculer's internals that have no public name. */
interface MeshInternals {
  transit?: {
    tx: { client: NatsConnection | null };
    removePendingRequestByNodeID(nodeId: string): void;
    discoverNodes(): Promise<void>;
  } | null;
  registry: {
    nodes: { list(options: object): { id: string; local: boolean }[] };
    discoverer: { sendLocalNodeInfo(): Promise<void>; checkRemoteNodes(): void };
  };
}

export function transporterWatch(): Middleware {
  let broker: ServiceBroker;
  let checking: NodeJS.Timeout | undefined;
  return {
    name: "TransporterWatch",
    created(created: ServiceBroker) {
      broker = created;
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
    remoteAction(next: Next): Next {
      return (ctx) => (runtimeOf(broker).lifecycle.disconnected ? Promise.reject(unavailable()) : next(ctx));
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
      for (const node of registry.nodes.list({})) {
        if (!node.local) transit.removePendingRequestByNodeID(node.id);
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

/** The Moleculer mixin that gives a service the realtime bus of its process, as `this.bus` from its own `started` on. */
import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import { unavailable } from "../../lib/errors.ts";
import { runtimeOf } from "../runtime.ts";
import type { RealtimeBus, SubjectKind } from "./bus.ts";
import { EmbeddedBus } from "./embedded-bus.ts";
import { NatsBus } from "./nats-bus.ts";

export { type BusSubscription, conversationSubject, type RealtimeBus, userSubject } from "./bus.ts";

export type WithBus = Service & { bus: RealtimeBus };

interface Shared {
  opening: Promise<RealtimeBus>;
  abort: AbortController;
  users: Set<Service>;
}

/** Messages that came to this process over NATS. Only what somebody here listens to does. */
const RECEIVED = { name: "veche.realtime.received.total", labelNames: ["subject"] };

const shared = new WeakMap<ServiceBroker, Shared>();

/** A start waits until NATS answers; stopping the service ends that, and then the start rejects with UNAVAILABLE. */
export const realtimeBus: Partial<ServiceSchema> = {
  async started(this: Service) {
    (this as WithBus).bus = await acquire(this);
  },
  async stopped(this: Service) {
    await release(this);
  },
};

function acquire(service: Service): Promise<RealtimeBus> {
  const { broker } = service;
  const bus = shared.get(broker) ?? open(broker);
  shared.set(broker, bus);
  bus.users.add(service);
  return bus.opening;
}

/** The last one closes it. */
async function release(service: Service): Promise<void> {
  const bus = shared.get(service.broker);
  if (!bus?.users.delete(service) || bus.users.size > 0) return;
  shared.delete(service.broker);
  bus.abort.abort(unavailable());
  await bus.opening.then(
    (opened) => opened.close(),
    () => {},
  );
}

function open(broker: ServiceBroker): Shared {
  const { config } = runtimeOf(broker);
  const abort = new AbortController();
  const opening: Promise<RealtimeBus> = config.cluster
    ? NatsBus.open(config, countReceived(broker), abort.signal)
    : Promise.resolve(new EmbeddedBus());
  return { opening, abort, users: new Set() };
}

function countReceived({ metrics }: ServiceBroker): (kind: SubjectKind) => void {
  metrics.register({
    ...RECEIVED,
    type: "counter",
    description: "Messages of conversations and of users that came over NATS",
  });
  return (kind) => metrics.increment(RECEIVED.name, { subject: kind });
}

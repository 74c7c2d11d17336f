/** Moleculer's metrics in Prometheus' text form, answered by the health server instead of one of their own. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { MetricReporters, type ServiceBroker } from "moleculer";

export class Prometheus extends MetricReporters.Prometheus {
  defaultLabels: Record<string, string> = {};

  /** Moleculer's own starts a server here; the grandparent's `init` is all that is needed of it. */
  override init(registry: Parameters<MetricReporters.Prometheus["init"]>[0]): void {
    MetricReporters.Base.prototype.init.call(this, registry);
    const { namespace, nodeID } = registry.broker;
    this.defaultLabels = { namespace, nodeID: nodeID ?? "" };
  }

  /**
   * The figures of the process are read when they are asked for. Moleculer reads its own on a timer, which ends the process when
   * the system refuses one, as it does when no more files can be opened.
   */
  override generatePrometheusResponse(): string {
    try {
      for (const [name, value] of Object.entries(figuresOfProcess())) {
        if (!this.registry.hasMetric(name)) this.registry.register({ type: "gauge", name });
        this.registry.set(name, value);
      }
    } catch (error) {
      this.logger.warn("The figures of the process can't be read now.", error);
    }
    return super.generatePrometheusResponse();
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** By Moleculer's names of them; memory in bytes, times in seconds. */
function figuresOfProcess(): Record<string, number> {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    "process.memory.rss": rss,
    "process.memory.heap.used": heapUsed,
    "process.memory.heap.total": heapTotal,
    "process.memory.external": external,
    "process.uptime": process.uptime(),
    "process.cpu.user": user / 1e6,
    "process.cpu.system": system / 1e6,
    "process.internal.active.resources": process.getActiveResourcesInfo().length,
  };
}

/** Measured with every call, and with every look into the cache. */
const TIMES = [
  { name: "moleculer.request.time", labelNames: ["service", "action", "type", "caller"] },
  { name: "moleculer.cacher.get.time", labelNames: [] },
];

/**
 * Buckets instead of Moleculer's quantiles: Prometheus can add them up over processes, and they cost a third less.
 * Call it when Moleculer has registered its own.
 */
export function useBuckets({ metrics }: ServiceBroker): void {
  for (const { name, labelNames } of TIMES) {
    metrics.register({ type: "histogram", name, labelNames, unit: "millisecond", buckets: true });
  }
}

const reporters = new WeakMap<ServiceBroker, Prometheus>();

export function provideMetrics(broker: ServiceBroker, reporter: Prometheus): void {
  reporters.set(broker, reporter);
}

export function answerMetrics(broker: ServiceBroker, req: IncomingMessage, res: ServerResponse): void {
  reporters.get(broker)?.handler(req, res);
}

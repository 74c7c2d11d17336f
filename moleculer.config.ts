/** Broker options, made from the configuration. */
import { randomUUID } from "node:crypto";
import type { BrokerOptions, ServiceBroker } from "moleculer";
import type { Config } from "./lib/config.ts";
import type { KeyRing } from "./lib/keys.ts";
import { natsOptions } from "./lib/nats-options.ts";
import { durableEvents } from "./mixins/durable-events/durable-events.ts";
import { authorize } from "./mixins/mesh/authorize.ts";
import { fromConsole } from "./mixins/mesh/console.ts";
import { healthServer } from "./mixins/mesh/health.ts";
import { loggerOptions } from "./mixins/mesh/logging.ts";
import { Prometheus, provideMetrics, useBuckets } from "./mixins/mesh/prometheus.ts";
import { redisCacher } from "./mixins/mesh/redis-cacher.ts";
import { registerSharding } from "./mixins/mesh/sharding.ts";
import { trace } from "./mixins/mesh/trace.ts";
import { transporterWatch } from "./mixins/mesh/transporter-watch.ts";
import { BuiltInValidator, checkParams } from "./mixins/mesh/zod-validator.ts";
import { provideRuntime } from "./mixins/runtime.ts";
import { schemaWait } from "./mixins/schema/schema-wait.ts";
import { schemaSteps } from "./mixins/schema/steps.ts";

export default function brokerOptions(config: Config, keys: KeyRing): BrokerOptions {
  registerSharding();
  const metrics = new Prometheus();
  const provide = (broker: ServiceBroker) => {
    provideRuntime(broker, {
      config,
      keys,
      database: {
        mongoUrl: config.MONGO_URL,
        dataDir: config.DATA_DIR,
        fsync: config.DATA_FSYNC,
        checkQueries: config.NODE_ENV === "test",
      },
    });
    provideMetrics(broker, metrics);
    // The last one added comes first in a call. Moleculer adds its own behind those of `middlewares`, the cache among them,
    // and an answer from the cache needs the same rights as any other.
    for (const middleware of [checkParams, authorize, fromConsole, trace]) broker.middlewares.add(middleware);
  };
  return {
    namespace: config.NAMESPACE,
    uidGenerator: randomUUID,
    ...(config.NODE_ID ? { nodeID: config.NODE_ID } : {}),
    logger: { type: "Pino", options: { pino: { options: loggerOptions(config.LOG_LEVEL) } } },
    logLevel: config.LOG_LEVEL,

    ...(config.cluster
      ? { transporter: { type: "NATS", options: natsOptions(config, `${config.NAMESPACE} transporter`) } }
      : {}),
    // A node that was killed is out of rotation within four seconds: Moleculer counts whole seconds.
    heartbeatInterval: 1,
    heartbeatTimeout: 2,
    // A local service is not preferred: that would pass by the sharding, and all nodes would write each conversation.
    registry: { strategy: "RoundRobin", preferLocal: false, stopDelay: config.cluster ? 500 : 0 },

    requestTimeout: config.REQUEST_TIMEOUT_MS,
    // Off but for actions that their contract calls idempotent, which switch it on for themselves.
    retryPolicy: {
      enabled: false,
      retries: 3,
      delay: 100,
      maxDelay: 1_000,
      factor: 2,
      // Not after a timeout: that was the request's own deadline.
      check: (error) =>
        "retryable" in error && error.retryable === true && error.name !== "RequestTimeoutError",
    },
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 20,
      windowTime: 10,
      halfOpenTime: 2_000,
      check: (error) => "code" in error && typeof error.code === "number" && error.code >= 500,
    },
    bulkhead: { enabled: true, concurrency: 256, maxQueueSize: 2_048 },
    tracking: { enabled: true, shutdownTimeout: config.SHUTDOWN_TIMEOUT_MS },

    cacher: config.REDIS_URL
      ? redisCacher(config.REDIS_URL, config)
      : {
          type: "MemoryLRU",
          // What is cached is flat, so that who gets it can change it without changing it for others.
          options: { max: 10_000, ttl: config.CACHE_TTL_S, clone: (answer: object) => ({ ...answer }) },
        },
    validator: new BuiltInValidator(),
    // The types know only names of reporters; an instance is taken as it is.
    metrics: {
      enabled: true,
      collectProcessMetrics: false,
      reporter: [metrics],
    } as unknown as BrokerOptions["metrics"],
    middlewares: [
      { name: "Runtime", created: provide },
      transporterWatch(),
      healthServer(),
      schemaWait(schemaSteps),
      durableEvents(config),
    ],

    // The start script ends a process: it drains first.
    skipProcessEventRegistration: true,
    created: useBuckets,
  };
}

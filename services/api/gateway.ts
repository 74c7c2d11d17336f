/** What the doors of the gateway share: REST, WebSocket, server-sent events and the older dialects. */
import type { Logger, ServiceBroker } from "moleculer";
import type { Config } from "../../lib/config.ts";
import { call } from "../../lib/contract.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { SessionsRevoked } from "../session/session.contract.ts";
import { Authentication } from "./authentication.ts";
import { type ClientAddress, clientAddressBehind } from "./client-address.ts";
import { Revocations } from "./revocations.ts";

export interface Gateway {
  config: Config;
  authentication: Authentication;
  revocations: Revocations;
  clientAddress: ClientAddress;
  onSessionsRevoked(payload: unknown): void;
  start(): void;
  stop(): void;
}

const READ_REVOKED_TIMEOUT_MS = 2_000;

export function createGateway(broker: ServiceBroker, logger: Logger): Gateway {
  const { config, keys } = runtimeOf(broker);
  const revocations = new Revocations((params) =>
    call(broker, "v1.session.listRevoked", params, { timeout: READ_REVOKED_TIMEOUT_MS, retries: 0 }),
  );
  runtimeOf(broker).lifecycle.need("revoked sessions", () => revocations.fresh);
  return {
    config,
    authentication: new Authentication(keys, revocations),
    revocations,
    clientAddress: clientAddressBehind(config.TRUST_PROXY),
    onSessionsRevoked(payload) {
      const parsed = SessionsRevoked.safeParse(payload);
      if (parsed.success && config.REVOCATION_EVENTS) revocations.add(parsed.data.session_ids);
    },
    start() {
      let failed = false;
      void revocations.run({
        // At start session may come after the gateway: no reason to complain.
        ready: () => broker.registry.actions.isAvailable("v1.session.listRevoked"),
        onRead: () => {
          if (failed) logger.info("Revoked sessions can be read again.");
          failed = false;
        },
        onFailure: (error) => {
          if (!failed) logger.warn(`Revoked sessions can't be read: ${(error as Error).message}`);
          failed = true;
        },
      });
    },
    stop: () => revocations.stop(),
  };
}

/** WebSocket at `/v1/ws`, as a mixin of the gateway. */
import type { IncomingMessage, Server } from "node:http";
import type { Service, ServiceSchema } from "moleculer";
import type { WebSocket } from "ws";
import { type RealtimeBus, realtimeBus } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { runtimeOf } from "../../../mixins/runtime.ts";
import type { Gateway } from "../gateway.ts";
import type { Host } from "./connection.ts";
import { Connections } from "./connections.ts";
import { Feeds } from "./feeds.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { openDoor, tokenOfQuery } from "./upgrade.ts";

const PATH = "/v1/ws";

/** A service with the mixin. It has `server` and `gateway` from `created` on. */
export interface RealtimeService extends Service {
  server: Server;
  gateway: Pick<Gateway, "authentication" | "revocations" | "config">;
  bus: RealtimeBus;
  realtime: Realtime;
}

/** Closes its sockets when the process drains. A service that closes its server in `stopped` closes `realtime` with it. */
export function realtime(limits: Partial<Limits> = {}): Partial<ServiceSchema> {
  return {
    mixins: [realtimeBus],
    async started(this: Service) {
      const service = this as RealtimeService;
      service.realtime = new Realtime(service, { ...DEFAULT_LIMITS, ...limits });
      runtimeOf(service.broker).lifecycle.onDrain(() => service.realtime.close());
    },
    async stopped(this: Service) {
      await (this as Partial<RealtimeService>).realtime?.close();
    },
  };
}

export class Realtime {
  readonly connections: Connections;
  readonly feeds: Feeds;
  readonly #service: RealtimeService;
  readonly #host: Host;
  readonly #stopListening: () => void;
  #closing: Promise<void> | undefined;

  constructor(service: RealtimeService, limits: Limits) {
    const { authentication, revocations, config } = service.gateway;
    this.#service = service;
    this.connections = new Connections(limits, service.bus);
    this.feeds = new Feeds(service.broker, service.bus);
    this.#host = {
      broker: service.broker,
      feeds: this.feeds,
      limits,
      checkToken: (token) => authentication.ofToken(token),
      admit: (connection, user) => this.connections.admit(connection, user),
    };
    this.#stopListening = revocations.onRevoked((sessions) => this.connections.revoke(sessions));
    openDoor(service.server, {
      path: PATH,
      origins: config.CORS_ORIGIN,
      limits,
      closed: () => this.#closing !== undefined,
      accept: (socket, req) => this.#accept(socket, req),
    });
  }

  /** Takes no more connections, and ends when the last is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #accept(socket: WebSocket, req: IncomingMessage): void {
    const { authentication } = this.#service.gateway;
    const connection = this.connections.open(socket, this.#host);
    const { authorization } = req.headers;
    const token = tokenOfQuery(req);
    if (authorization !== undefined) connection.authenticate(() => authentication.ofHeader(authorization));
    else if (token !== undefined) connection.authenticate(() => authentication.ofToken(token));
  }

  async #close(): Promise<void> {
    await this.connections.close(this.#service.gateway.config.SHUTDOWN_TIMEOUT_MS);
    this.#stopListening();
    this.feeds.close();
  }
}

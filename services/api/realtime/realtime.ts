/** WebSocket at `/v1/ws`, and server-sent events, as a mixin of the gateway. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Service, ServiceSchema } from "moleculer";
import type { WebSocket } from "ws";
import type { Dialect } from "../../../lib/dialects.ts";
import { unavailable } from "../../../lib/errors.ts";
import { type RealtimeBus, realtimeBus } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { runtimeOf } from "../../../mixins/runtime.ts";
import {
  CHAT_SERVER_SOCKET,
  ChatServerSocket,
  refusalInChatServer,
  tokenOfRequest,
} from "../dialects/chat-server-socket.ts";
import type { Gateway } from "../gateway.ts";
import { rawAnswer } from "../problem.ts";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";
import { EventStream, type StreamRequest } from "./event-stream.ts";
import { Feeds } from "./feeds.ts";
import type { Host } from "./host.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Typing } from "./typing.ts";
import { type Entrance, openDoor, tokenOfQuery } from "./upgrade.ts";
import { WriteTurn } from "./write-turn.ts";

const PATH = "/v1/ws";
const OPEN = { name: "veche.realtime.connections" };

/** A service with the mixin. It has `server` and `gateway` from `created` on. */
export interface RealtimeService extends Service {
  server: Server;
  gateway: Pick<Gateway, "authentication" | "revocations" | "config">;
  bus: RealtimeBus;
  realtime: Realtime;
}

/** Closes its connections when the process drains. A service that closes its server in `stopped` closes `realtime` with it. */
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
    const { metrics } = service.broker;
    metrics.register({ ...OPEN, type: "gauge", description: "WebSockets and event streams that are open" });
    metrics.set(OPEN.name, 0);
    this.connections = new Connections(limits, service.bus, (open) => metrics.set(OPEN.name, open));
    this.feeds = new Feeds(service.broker, service.bus, limits.tailCheckMs);
    this.#host = {
      broker: service.broker,
      feeds: this.feeds,
      limits,
      turn: new WriteTurn(),
      typing: new Typing(),
      checkToken: (token) => authentication.ofToken(token),
      admit: (connection, user) => this.connections.admit(connection, user),
      ended: (connection) => this.connections.remove(connection),
    };
    this.#stopListening = revocations.onRevoked((sessions) => this.connections.revoke(sessions));
    openDoor(service.server, {
      entrances: this.#entrances(config.API_DIALECTS),
      origins: config.CORS_ORIGIN,
      limits,
      closed: () => this.#closing !== undefined,
    });
  }

  /** Takes no more connections, and ends when the last is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Streams a conversation until either side ends it. Resolves when the stream has begun.
   * @throws why it may not begin: nothing is answered yet
   */
  async stream(res: ServerResponse, wanted: StreamRequest): Promise<void> {
    if (this.#closing) throw unavailable("This gateway is going away.");
    const stream = new EventStream(res, this.#host, wanted.checked);
    this.connections.add(stream);
    res.on("close", () => this.connections.remove(stream));
    await stream.start(wanted);
  }

  #entrances(dialects: readonly Dialect[]): ReadonlyMap<string, Entrance> {
    const entrances = new Map<string, Entrance>([
      [PATH, { accept: (socket, tcp, req) => this.#accept(socket, tcp, req), refusal: rawAnswer }],
    ]);
    if (dialects.includes("chat-server")) {
      entrances.set(CHAT_SERVER_SOCKET, {
        check: (req) => tokenOfRequest(req, this.#service.gateway.authentication),
        accept: (socket, tcp, _req, checked) => {
          const connection = new ChatServerSocket(socket, tcp, this.#host);
          this.connections.add(connection);
          if (checked) connection.enter(checked);
        },
        refusal: refusalInChatServer,
      });
    }
    return entrances;
  }

  #accept(socket: WebSocket, tcp: Duplex, req: IncomingMessage): void {
    const { authentication } = this.#service.gateway;
    const connection = new Connection(socket, tcp, this.#host);
    this.connections.add(connection);
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

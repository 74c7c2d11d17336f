// A gateway that has nothing but WebSocket, in the chat service's broker or in one of its own, and sockets to it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Service, ServiceBroker } from "moleculer";
import { WebSocket } from "ws";
import { AccessTokens } from "../../lib/access-tokens.ts";
import type { Caller } from "../../lib/contract.ts";
import { newSessionId, newUserId } from "../../lib/ids.ts";
import { secretKeyRing } from "../../lib/keys.ts";
import { implement } from "../../mixins/actions.ts";
import { defineService } from "../../mixins/service.ts";
import { createGateway, type Gateway } from "../../services/api/gateway.ts";
import type { Limits } from "../../services/api/realtime/limits.ts";
import { type RealtimeService, realtime } from "../../services/api/realtime/realtime.ts";
import { sessionContract } from "../../services/session/session.contract.ts";
import { eventually } from "../servers/eventually.ts";
import { type ChatBroker, JWT_SECRET, makeChat } from "./chat.ts";

type TestGateway = RealtimeService & { gateway: Gateway };

/** To be called before the broker starts. */
export function addGateway(broker: ServiceBroker, limits: Partial<Limits> = {}): void {
  broker.createService(
    defineService({
      name: "session",
      version: 1,
      actions: implement(
        { "v1.session.listRevoked": sessionContract["v1.session.listRevoked"] },
        { "v1.session.listRevoked": () => ({ session_ids: [], next: null }) },
      ),
    }),
  );
  addDoor(broker, limits);
}

/** The gateway alone. Of a broker that has started it starts at once. */
export function addDoor(broker: ServiceBroker, limits: Partial<Limits> = {}, port = 0): void {
  broker.createService(
    defineService<TestGateway>({
      name: "api",
      mixins: [realtime(limits)],
      created() {
        this.server = createServer((_req, res) => res.writeHead(404).end());
        this.gateway = createGateway(this.broker, this.logger);
      },
      async started() {
        this.gateway.start();
        await new Promise<void>((resolve) => this.server.listen(port, "127.0.0.1", resolve));
      },
      async stopped() {
        this.gateway.stop();
        await Promise.all([
          this.realtime.close(),
          new Promise<unknown>((resolve) => this.server.close(resolve)),
        ]);
      },
    }),
  );
}

export const gatewayOf = (broker: ServiceBroker) =>
  broker.getLocalService("api") as Service as TestGateway & { server: Server };

/** The services of `makeChat` with a gateway, started. */
export async function startLive(limits: Partial<Limits> = {}): Promise<ChatBroker> {
  const chat = makeChat();
  addGateway(chat.broker, limits);
  await chat.broker.start();
  await gatewayReady(chat.broker);
  return chat;
}

/** Until tokens can be checked. */
export const gatewayReady = (broker: ServiceBroker) =>
  eventually(() => gatewayOf(broker).gateway.revocations.fresh);

const tokens = new AccessTokens(secretKeyRing(JWT_SECRET));

export const somebody = (): Caller => ({ id: newUserId(), sessionId: newSessionId(), role: "user" });
export const tokenOf = (user: Caller, ttl = 60) => tokens.sign(user, ttl);

export type Frame = Record<string, unknown> & { op: string };

/** A client that keeps what it gets. */
export class Socket {
  readonly raw: WebSocket;
  readonly frames: Frame[] = [];
  closeCode: number | undefined;

  constructor(
    broker: ServiceBroker,
    path = "/v1/ws",
    options: { headers?: Record<string, string>; origin?: string } = {},
  ) {
    const { port } = gatewayOf(broker).server.address() as AddressInfo;
    this.raw = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
    this.raw.on("message", (bytes) => this.frames.push(JSON.parse(String(bytes))));
    this.raw.on("close", (code) => {
      this.closeCode = code;
    });
    this.raw.on("error", () => {});
  }

  static async signedIn(broker: ServiceBroker, user: Caller, ttl?: number): Promise<Socket> {
    const socket = new Socket(broker, "/v1/ws", {
      headers: { authorization: `Bearer ${tokenOf(user, ttl)}` },
    });
    await socket.got("ready");
    return socket;
  }

  push(frame: object | string): void {
    this.raw.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  all(op: string): Frame[] {
    return this.frames.filter((frame) => frame.op === op);
  }

  /** Waits for the `count`th frame of this kind. */
  got(op: string, count = 1): Promise<Frame> {
    return eventually(() => this.all(op)[count - 1] ?? false, { every: 5 }) as Promise<Frame>;
  }

  closed(): Promise<number> {
    return eventually(() => this.closeCode ?? false, { every: 5 });
  }

  seqs(): unknown[] {
    return this.all("message").map(({ seq }) => seq);
  }
}

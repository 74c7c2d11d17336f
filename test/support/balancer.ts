// A balancer as Kubernetes makes one: connections go to endpoints in turn, and what it knows of them is some seconds old.

import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

export class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #endpoints: string[] = [];
  #turn = 0;
  /** Connections that no endpoint took. */
  refused = 0;

  private constructor() {
    this.#server = createServer((client) => this.#forward(client));
  }

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    await new Promise<void>((listening) => balancer.#server.listen(0, "127.0.0.1", listening));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param baseUrl of a gateway; from now on it gets its share of new connections */
  add(baseUrl: string): void {
    this.#endpoints.push(baseUrl);
  }

  /** From now on it gets no new ones. Those that stand stay. */
  remove(baseUrl: string): void {
    this.#endpoints.splice(this.#endpoints.indexOf(baseUrl), 1);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #forward(client: Socket): void {
    const endpoint = this.#endpoints[this.#turn++ % this.#endpoints.length];
    if (endpoint === undefined) {
      this.refused++;
      client.destroy();
      return;
    }
    const server = connect(Number(new URL(endpoint).port), "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => {
        if (socket === server && server.connecting) this.refused++;
        other.destroy();
      });
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroySoon();
      });
    }
  }
}

// The reference: moleculer-web as its documentation sets it up, with one route to one action that answers a profile.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import ApiService from "moleculer-web";
import { PROFILE } from "./profile.ts";

const broker = new ServiceBroker({ logger: false });
broker.createService({ name: "users", actions: { me: () => PROFILE } });
const api = broker.createService({
  name: "api",
  mixins: [ApiService as unknown as ServiceSchema],
  settings: { port: 0, ip: "127.0.0.1", routes: [{ path: "/v1", aliases: { "GET /me": "users.me" } }] },
} as ServiceSchema);
await broker.start();
const { server } = api as unknown as { server: Server };
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

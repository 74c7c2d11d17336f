// The reference: the loop that every tutorial of `ws` has. What one sends, all get.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { answering, usage } from "../asking.ts";

process.on("disconnect", () => process.exit(0));

const server = createServer();
const wss = new WebSocketServer({ server });
wss.on("connection", (socket) => {
  socket.on("message", (bytes) => {
    for (const client of wss.clients) client.send(bytes, { binary: false });
  });
});
process.on("SIGTERM", () => process.exit(0));
answering(usage);
server.listen(0, "127.0.0.1", () =>
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);

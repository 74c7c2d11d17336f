// The other reference: Socket.IO with one room. What one sends, all in the room get.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { answering, usage } from "../asking.ts";

process.on("disconnect", () => process.exit(0));

const server = createServer();
// Nobody who loads it answers its pings.
const io = new Server(server, { transports: ["websocket"], pingInterval: 3_600_000 });
io.on("connection", (socket) => {
  void socket.join("room");
  socket.on("message", (message) => io.to("room").emit("message", message));
});
process.on("SIGTERM", () => process.exit(0));
answering(usage);
server.listen(0, "127.0.0.1", () =>
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);

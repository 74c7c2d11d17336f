// The floor: node:http that answers a profile.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PROFILE } from "./profile.ts";

const server = createServer((_, res) => {
  const body = JSON.stringify(PROFILE);
  res.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  res.end(body);
});
server.listen(0, "127.0.0.1", () =>
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);

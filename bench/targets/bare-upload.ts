// The reference of uploads: node:http that writes each body to a file of its own.
import { randomUUID } from "node:crypto";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const directory = mkdtempSync(join(tmpdir(), "veche-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));

const server = createServer(async (req, res) => {
  await pipeline(req, createWriteStream(join(directory, randomUUID())));
  res.writeHead(201).end();
});
server.listen(0, "127.0.0.1", () =>
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);

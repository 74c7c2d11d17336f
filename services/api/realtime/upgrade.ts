/** Where WebSocket connections come in: the `upgrade` event of the gateway's HTTP server. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { notFound, permissionDenied, unavailable } from "../../../lib/errors.ts";
import { rawAnswer } from "../problem.ts";
import type { Limits } from "./limits.ts";

/** What is behind one path. */
export interface Entrance {
  /** Whose token a request must bring, where it must. @throws UNAUTHENTICATED, UNAVAILABLE: then nothing is opened */
  check?(req: IncomingMessage): CheckedToken;
  /** @param tcp what the socket was made of. @param checked what `check` answered */
  accept(socket: WebSocket, tcp: Duplex, req: IncomingMessage, checked: CheckedToken | undefined): void;
  /** The answer to a request that is refused. */
  refusal(error: unknown): string;
}

export interface Door {
  /** By their paths. */
  entrances: ReadonlyMap<string, Entrance>;
  /** Origins whose pages may connect, beside those of the gateway's own host. */
  origins: readonly string[];
  limits: Limits;
  /** Whether new connections are sent elsewhere. */
  closed(): boolean;
}

/** Node 24 asks it, before anything else, whether a request with an `Upgrade` header is one to the server. */
const REFUSAL_MS = 5_000;

/** Fragments of a message, and pieces in which one frame comes over the network. */
const MAX_PIECES = 256;

interface Upgradable {
  shouldUpgradeCallback?: (req: IncomingMessage) => boolean;
}

export function openDoor(server: Server, door: Door): void {
  // Its types do not know all of these yet. The pieces of a message cost much more memory than their bytes.
  const options = {
    noServer: true,
    clientTracking: false,
    maxPayload: door.limits.frameBytes,
    perMessageDeflate: false,
    closeTimeout: door.limits.closeMs,
    maxFragments: MAX_PIECES,
    maxBufferedChunks: MAX_PIECES,
  };
  const sockets = new WebSocketServer(options);
  // Any other upgrade (curl offers h2c) goes on as the plain request it also is.
  (server as Upgradable).shouldUpgradeCallback = ({ headers }) =>
    headers.upgrade?.toLowerCase() === "websocket";
  server.on("upgrade", (req, socket, head) => {
    socket.on("error", destroy);
    const entrance = door.entrances.get(URL.parse(req.url ?? "", "ws://gateway")?.pathname ?? "");
    try {
      if (!entrance) throw notFound("There is nothing at this path.");
      assertMayCome(req, door);
      const checked = entrance.check?.(req);
      sockets.handleUpgrade(req, socket, head, (opened) => entrance.accept(opened, socket, req, checked));
    } catch (error) {
      refuse(socket, entrance ? entrance.refusal(error) : rawAnswer(error));
    }
  });
}

/** Not a closure: it would keep the request in memory for as long as the connection is open. */
function destroy(this: Duplex): void {
  this.destroy();
}

/** The query's `access_token`: browsers can't set headers of a WebSocket. */
export const tokenOfQuery = ({ url = "" }: IncomingMessage): string | undefined =>
  URL.parse(url, "ws://gateway")?.searchParams.get("access_token") ?? undefined;

function assertMayCome(req: IncomingMessage, { origins, closed }: Door): void {
  if (!mayCome(req, origins)) throw permissionDenied("Pages of this origin may not connect.");
  if (closed()) throw unavailable("This gateway is going away.");
}

/** Browsers send `Origin`, and let any page open a WebSocket anywhere: it is for the server to refuse. */
function mayCome({ headers: { origin, host } }: IncomingMessage, origins: readonly string[]): boolean {
  if (origin === undefined || origins.includes("*") || origins.includes(origin)) return true;
  return URL.parse(origin)?.host === host;
}

function refuse(socket: Duplex, answer: string): void {
  // A client that keeps its half open would hold the socket for ever: an upgraded one has no timeout of the server's.
  socket.once("finish", () => socket.destroy());
  setTimeout(() => socket.destroy(), REFUSAL_MS).unref();
  socket.end(answer);
}

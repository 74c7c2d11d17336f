// Connections that say nothing, in a process of their own.
import { answering } from "../asking.ts";
import { RawSocket } from "./raw-socket.ts";

export interface Idlers {
  url: string;
  /** One for each connection; none for a server that asks for none. */
  tokens: (string | undefined)[];
  /** How the frame begins after which the server is done with the opening. */
  until?: string;
}

const TOGETHER = 100;

const sockets: RawSocket[] = [];

async function open({ url, tokens, until }: Idlers): Promise<void> {
  for (let next = 0; next < tokens.length; next += TOGETHER) {
    await Promise.all(
      tokens.slice(next, next + TOGETHER).map(async (token) => {
        const socket = await RawSocket.open({ url, token });
        if (until !== undefined) await socket.got(until);
        sockets.push(socket);
      }),
    );
  }
}

async function close(): Promise<void> {
  const closed = sockets.splice(0).map(
    ({ tcp }) =>
      new Promise<void>((resolve) => {
        tcp.once("close", () => resolve());
        tcp.destroy();
      }),
  );
  await Promise.all(closed);
}

/** How many are still open. */
const count = () => sockets.filter(({ tcp }) => !tcp.destroyed).length;

process.on("disconnect", () => process.exit(0));
answering({ open, close, count });

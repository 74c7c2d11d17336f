// What one reader that stops reading does to the others: their median latency with and without it, in the same run.
import { JWT_SECRET, openRoom, register } from "./accounts.ts";
import { ask } from "./asking.ts";
import type { Burst, Opening } from "./load/listeners.ts";
import { RawSocket } from "./load/raw-socket.ts";
import { median, startProcess, startTarget, stopProcess, stopTarget, webSocketUrl } from "./target.ts";

const SOCKETS = 100;
const ROUNDS = 6;
const BURSTS = 500;
const TEXT = "€".repeat(2_000);

export async function slowBench(): Promise<void> {
  const target = await startTarget("veche", { env: { JWT_SECRET } });
  const listeners = startProcess("load/listeners.ts");
  try {
    const people = await register(target.url, SOCKETS + 1);
    const conversation = await openRoom(target.url, people);
    const url = webSocketUrl(target, "/v1/ws");
    const hello = { frame: JSON.stringify({ op: "subscribe", conversation }), until: '{"op":"subscribed"' };
    const [slow, ...quick] = people.map(({ token }) => token);
    const opening: Opening = { url, tokens: quick, sockets: SOCKETS, hello, counted: '{"op":"message"' };
    await ask(listeners, "open", opening);
    const frame = JSON.stringify({ op: "send", conversation, text: TEXT, nonce: "#" });
    const send = () =>
      ask<number[]>(listeners, "run", { senders: 1, each: 1, bursts: BURSTS, frame } satisfies Burst);
    const took: { without: number[]; with: number[] } = { without: [], with: [] };
    await send();
    for (let round = 1; round <= ROUNDS; round += 1) {
      took.without.push(...(await send()));
      const reader = await RawSocket.open({ url, token: slow });
      reader.send(hello.frame);
      await reader.got(hello.until);
      let code: number | undefined;
      reader.onClose = (closed) => {
        code = closed;
      };
      reader.tcp.pause();
      // Until after it was closed: the kernel takes up to ten megabytes, the gateway one.
      for (let part = 0; part < 4; part += 1) took.with.push(...(await send()));
      reader.tcp.resume();
      await new Promise((resolve) => setTimeout(resolve, 500));
      // Cut off where it has not answered the close in time.
      if (code !== 4008 && code !== 1006) throw new Error(`the slow reader was not closed: ${code}`);
      process.stderr.write(`round ${round} of ${ROUNDS}\r`);
    }
    const [without, beside] = [median(took.without), median(took.with)];
    console.log(
      `\n${SOCKETS} readers and one that stops reading, ${ROUNDS} rounds, in each of which it was closed`,
    );
    console.table([
      { readers: "all read", "median ms": without.toFixed(2), ratio: "1.00" },
      { readers: "one does not", "median ms": beside.toFixed(2), ratio: (beside / without).toFixed(2) },
    ]);
  } finally {
    await stopProcess(listeners);
    await stopTarget(target);
  }
}

/** Finds out that the other side is gone: of a network that fails, a socket may tell nothing for many minutes. */

const DEFAULT_MS = 25_000;
/** What timers can wait for. */
const MAX_MS = 2 ** 31 - 1;
const MISSED = 2;

export class Heartbeat {
  #timer: ReturnType<typeof setInterval> | undefined;
  #missed = 0;

  /**
   * @param everyMs between two beats, as the gateway says it
   * @param ping asks for a sign of life
   * @param onSilence called when nothing came for two beats
   */
  start(everyMs: unknown, ping: () => void, onSilence: () => void): void {
    this.stop();
    this.#missed = 0;
    const isTime = typeof everyMs === "number" && everyMs >= 1 && everyMs <= MAX_MS;
    this.#timer = setInterval(
      () => {
        // Beats are counted, not the time: a browser that slows a page down delays the pings too.
        if (this.#missed >= MISSED) return onSilence();
        this.#missed += 1;
        ping();
      },
      isTime ? everyMs : DEFAULT_MS,
    );
  }

  /** Something came. */
  heard(): void {
    this.#missed = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

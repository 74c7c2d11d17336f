/** How many frames came within the second that goes on. */
export class FrameRate {
  #second = 0;
  #frames = 0;

  /** Counts one more. @returns whether it is still within the limit */
  count(limit: number): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) this.#frames = 0;
    this.#second = second;
    this.#frames += 1;
    return this.#frames <= limit;
  }
}

// A client of server-sent events that keeps what it gets.
import { type IncomingMessage, request } from "node:http";
import { eventually } from "../servers/eventually.ts";

export interface ServerEvent {
  id?: string;
  event: string;
  data: Record<string, unknown>;
}

export class StreamReader {
  readonly answer: IncomingMessage;
  readonly events: ServerEvent[] = [];
  comments = 0;
  /** Undefined while it goes on; then whether it came to an orderly end. */
  ended: boolean | undefined;
  #text = "";

  private constructor(answer: IncomingMessage) {
    this.answer = answer;
    answer.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    answer.on("error", () => {});
    answer.on("close", () => {
      this.ended = answer.complete;
    });
  }

  /** Resolves when the answer has begun. */
  static open(url: string, token: string, headers: Record<string, string> = {}): Promise<StreamReader> {
    return new Promise((resolve, reject) => {
      const options = { agent: false, headers: { authorization: `Bearer ${token}`, ...headers } };
      request(url, options, (answer) => resolve(new StreamReader(answer)))
        .on("error", reject)
        .end();
    });
  }

  /** Of the entries so far. */
  get seqs(): number[] {
    return this.events.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]));
  }

  got(count: number): Promise<unknown> {
    return eventually(() => this.seqs.length >= count, { every: 5 });
  }

  async end(): Promise<boolean> {
    await eventually(() => this.ended !== undefined, { every: 5 });
    return this.ended === true;
  }

  close(): void {
    this.answer.destroy();
  }

  #take(text: string): void {
    const blocks = (this.#text + text).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 1).trim()]),
      );
      const { id, event, data } = fields;
      if (block.startsWith(":")) this.comments += 1;
      if (data !== undefined)
        this.events.push({
          ...(id === undefined ? {} : { id }),
          event: event ?? "message",
          data: JSON.parse(data),
        });
    }
  }
}

// Two people who talk while something else happens, and who say afterwards whether they noticed.
import type { VecheClient } from "../../clients/ts/client.ts";
import type { LiveConnection } from "../../clients/ts/live-connection.ts";
import { eventually } from "../servers/eventually.ts";

export const idOf = ({ tokens }: VecheClient): string => tokens?.user_id ?? "";

/** Two people who say something to each other every few milliseconds, until it is to be judged. */
export class Talk {
  readonly chat: string;
  readonly #ann: VecheClient;
  readonly #seen: { seq: number; text: string }[][] = [[], []];
  readonly #disturbances: string[] = [];
  #sent = 0;
  #slowest = 0;
  #going = true;
  #done: Promise<unknown> = Promise.resolve();
  #lives: LiveConnection[] = [];

  private constructor(chat: string, ann: VecheClient) {
    this.chat = chat;
    this.#ann = ann;
  }

  static async between(ann: VecheClient, bob: VecheClient): Promise<Talk> {
    const talk = new Talk(await ann.openChat(idOf(bob)), ann);
    const lives = await Promise.all([ann, bob].map((client) => client.connect()));
    for (const [i, live] of lives.entries()) {
      const noticed = (what: string) => () => talk.#disturbances.push(what);
      await live.subscribe(talk.chat, {
        onMessage: ({ seq, text }) => talk.#seen[i]?.push({ seq, text }),
        onEdited: noticed("an edit"),
        onDeleted: noticed("a deletion"),
        onRead: noticed("somebody reads"),
        onTyping: noticed("somebody types"),
      });
      live.onChatCreated = noticed("a chat");
      void live.closed.then(({ code }) => talk.#disturbances.push(`closed with ${code}`));
    }
    talk.#lives = lives;
    talk.#done = Promise.all(lives.map((live) => talk.#say(live)));
    return talk;
  }

  /** Ends it. @returns what each saw, what is kept, and what they noticed */
  async judge() {
    this.#going = false;
    await this.#done;
    await eventually(() => this.#seen.every((seen) => seen.length >= this.#sent));
    const disturbances = [...this.#disturbances];
    await Promise.all(this.#lives.map((live) => live.close()));
    const kept: { seq: number; text: string }[] = [];
    for (let after = 0; ; after = kept.length) {
      const { messages } = await this.#ann.listMessages(this.chat, { after, limit: 100 });
      if (messages.length === 0) break;
      kept.push(...messages.map(({ seq, text }) => ({ seq, text })));
    }
    return { sent: this.#sent, seen: this.#seen, kept, disturbances, slowest: this.#slowest };
  }

  /** That both got something of each other since. */
  async goesOn(): Promise<void> {
    const before = this.#sent;
    await eventually(() => this.#seen.every((seen) => seen.length > before + 2));
  }

  async #say(live: LiveConnection): Promise<void> {
    while (this.#going) {
      const before = performance.now();
      await live.send(this.chat, `message ${++this.#sent}`).catch((error) => {
        this.#disturbances.push(String(error));
        this.#going = false;
      });
      this.#slowest = Math.max(this.#slowest, performance.now() - before);
      await new Promise((passed) => setTimeout(passed, 20));
    }
  }
}

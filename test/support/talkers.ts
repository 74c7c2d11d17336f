// Clients that talk as fast as they may, edit and delete, try again until everything is acknowledged, and keep what they see.
import {
  ApiError,
  SteadyConnection as Steady,
  type SteadyConnection,
  VecheClient,
} from "../../clients/ts/client.ts";
import { eventually } from "../servers/eventually.ts";
import { uniqueName } from "./http.ts";
import type { Random } from "./random.ts";

/** A message as the history should show it. */
export interface Shown {
  seq: number;
  type: string;
  text: string;
  sender: string | null;
  deleted: boolean;
}

/** What was acknowledged, by conversation and seq. */
export class Acknowledged {
  readonly messages = new Map<string, Map<number, Shown>>();
  count = 0;

  note(conversation: string, message: Shown): void {
    const known = this.messages.get(conversation) ?? new Map<number, Shown>();
    this.messages.set(conversation, known);
    if (known.has(message.seq)) throw new Error(`two messages were acknowledged as ${message.seq}`);
    known.set(message.seq, message);
    this.count += 1;
  }

  of(conversation: string): Shown[] {
    return [...(this.messages.get(conversation)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }
}

/** What one client has been shown of one conversation. */
export class View {
  /** Of all entries, in the order in which they came. */
  readonly seqs: number[] = [];
  readonly shown = new Map<number, Shown>();
  /** Why it can't go on. */
  readonly refusals: Error[] = [];

  follow(live: SteadyConnection, conversation: string): void {
    live.subscribe(
      conversation,
      {
        onMessage: ({ seq, type, text, sender_id, deleted = false }) => {
          this.seqs.push(seq);
          this.shown.set(seq, { seq, type, text, sender: sender_id, deleted });
        },
        onEdited: ({ seq, target, text }) => this.#change(seq, target, { text }),
        onDeleted: ({ seq, target }) => this.#change(seq, target, { text: "", deleted: true }),
      },
      {
        after: 0,
        onRefused: (error) => this.refusals.push(error),
      },
    );
  }

  /** As the history shows them. */
  get messages(): Shown[] {
    return [...this.shown.values()];
  }

  #change(seq: number, target: number, change: Partial<Shown>): void {
    this.seqs.push(seq);
    const message = this.shown.get(target);
    if (!message) throw new Error(`${seq} changes ${target}, which never came`);
    // A message that came late may say already what a change that follows it says.
    if (!message.deleted) Object.assign(message, change);
  }
}

const PATIENCE = { within: 90_000, every: 150 };

export class Talker {
  readonly client: VecheClient;
  readonly user: string;
  readonly live: SteadyConnection;
  readonly views = new Map<string, View>();
  readonly #gateway: () => string;

  private constructor(client: VecheClient, gateway: () => string) {
    this.client = client;
    this.user = client.tokens?.user_id ?? "";
    this.#gateway = gateway;
    this.live = new Steady({
      url: () => `${gateway().replace(/^http/, "ws")}/v1/ws`,
      token: () => client.tokens?.access_token ?? "",
      backoff: { baseMs: 100, maxMs: 1_000 },
    });
  }

  /** @param gateway where to go: asked before each connection and request */
  static async signUp(gateway: () => string): Promise<Talker> {
    // Something may be away just then: under another address, since the account may be made.
    const client = await eventually(async () => {
      const somebody = new VecheClient(gateway());
      await somebody.register({ email: `${uniqueName()}@example.com`, password: "correct horse" });
      return somebody;
    }, PATIENCE);
    return new Talker(client, gateway);
  }

  follow(conversation: string): void {
    const view = new View();
    this.views.set(conversation, view);
    view.follow(this.live, conversation);
  }

  /** Tried again, at any gateway, until it is answered for good. */
  persist<T>(request: (client: VecheClient) => Promise<T>): Promise<T> {
    return eventually(async () => {
      const client = new VecheClient(this.#gateway());
      client.tokens = this.client.tokens;
      try {
        return { answer: await request(client) };
      } catch (error) {
        // What is refused for good ends it; what was not served is tried again.
        if (error instanceof ApiError && error.status < 500 && error.status !== 429) return { error };
        throw error;
      }
    }, PATIENCE).then((outcome) => {
      if ("error" in outcome) throw outcome.error;
      return outcome.answer;
    });
  }

  /** All at once. One in ten is followed by an edit or a deletion of what it said. */
  async talk(random: Random, count: number, acknowledged: Acknowledged): Promise<void> {
    const conversations = [...this.views.keys()];
    await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const conversation = random.pick(conversations);
        const change = i % 10 === 0 ? random.pick(["edit", "delete", "edit and delete"]) : "none";
        return this.#say(conversation, `${this.user} says ${i}`, change, acknowledged);
      }),
    );
  }

  async #say(conversation: string, text: string, change: string, acknowledged: Acknowledged): Promise<void> {
    const { seq } = await this.live.send(conversation, text);
    const message = { seq, type: "message", text, sender: this.user, deleted: false };
    acknowledged.note(conversation, message);
    if (change.includes("edit")) {
      for (const version of [1, 2]) {
        const nonce = crypto.randomUUID();
        const edited = `${text}, version ${version}`;
        await this.persist((client) => client.editMessage(conversation, seq, edited, nonce));
        message.text = edited;
      }
    }
    if (change.includes("delete")) {
      const nonce = crypto.randomUUID();
      await this.persist((client) => client.deleteMessage(conversation, seq, nonce));
      Object.assign(message, { text: "", deleted: true });
    }
  }
}

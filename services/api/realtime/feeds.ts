/** The feeds of this gateway: one for each conversation that has a listener here, gone with the last of them. */
import type { ServiceBroker } from "moleculer";
import { call } from "../../../lib/contract.ts";
import type { ConversationId } from "../../../lib/ids.ts";
import { conversationSubject, type RealtimeBus } from "../../../mixins/realtime-bus/realtime-bus.ts";
import type { Signal } from "../../chat/chat.contract.ts";
import { ConversationFeed, type ReadLog } from "./conversation-feed.ts";

interface Shared {
  feed: ConversationFeed;
  /** From then on the feed misses nothing. */
  ready: Promise<void>;
  unsubscribe(): void;
  users: number;
}

export interface HeldFeed {
  feed: ConversationFeed;
  ready: Promise<void>;
  readLog: ReadLog;
  release(): void;
}

export class Feeds {
  readonly #broker: ServiceBroker;
  readonly #bus: RealtimeBus;
  readonly #shared = new Map<ConversationId, Shared>();
  readonly #forget: () => void;

  constructor(broker: ServiceBroker, bus: RealtimeBus) {
    this.#broker = broker;
    this.#bus = bus;
    this.#forget = bus.onReconnected(() => {
      for (const { feed } of this.#shared.values()) feed.catchUp();
    });
  }

  get size(): number {
    return this.#shared.size;
  }

  /** Whoever holds a feed releases it once. */
  hold(conversation: ConversationId): HeldFeed {
    const readLog: ReadLog = async (after, limit) => {
      const { entries } = await call(this.#broker, "v1.chat.readEntries", { conversation, after, limit });
      return entries;
    };
    const shared = this.#shared.get(conversation) ?? this.#open(conversation, readLog);
    shared.users += 1;
    return {
      feed: shared.feed,
      ready: shared.ready,
      readLog,
      release: () => {
        shared.users -= 1;
        if (shared.users > 0) return;
        this.#shared.delete(conversation);
        shared.unsubscribe();
        shared.feed.close();
      },
    };
  }

  /** Tells all who read along, on any gateway. Not kept: who is not there misses it. */
  signal(conversation: ConversationId, signal: Signal): void {
    this.#bus.publish(conversationSubject(conversation), JSON.stringify(signal));
  }

  close(): void {
    this.#forget();
  }

  #open(conversation: ConversationId, readLog: ReadLog): Shared {
    const feed = new ConversationFeed(readLog);
    const subscription = this.#bus.subscribe(conversationSubject(conversation), (message) =>
      feed.receive(message),
    );
    const shared = { feed, ready: subscription.ready, unsubscribe: () => subscription.close(), users: 0 };
    this.#shared.set(conversation, shared);
    return shared;
  }
}

/** The feeds of this gateway: one for each conversation that has a listener here, gone with the last of them. */
import type { ServiceBroker } from "moleculer";
import { call } from "../../../lib/contract.ts";
import type { ConversationId } from "../../../lib/ids.ts";
import { conversationSubject, type RealtimeBus } from "../../../mixins/realtime-bus/realtime-bus.ts";
import { ConversationFeed, type ReadLog } from "./conversation-feed.ts";
import { TailCheck } from "./tail-check.ts";

/** A check is of many conversations, and is made again when it fails. */
const COMPARE = { timeout: 5_000, retries: 0 };
const CHAT = "v1.chat";

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
  readonly #tailCheck: TailCheck;
  readonly #forget: () => void;

  /** @param tailCheckMs milliseconds between two checks for what was lost, at most */
  constructor(broker: ServiceBroker, bus: RealtimeBus, tailCheckMs: number) {
    this.#broker = broker;
    this.#bus = bus;
    this.#tailCheck = new TailCheck({
      feeds: this.#shared,
      compare: async (tails) => await call(broker, "v1.chat.compareTails", { tails }, COMPARE),
      every: tailCheckMs,
      onFailure: (error) =>
        broker.logger.warn(`Whether messages were lost can't be asked: ${(error as Error).message}`),
    });
    this.#forget = this.#onLoss(() => this.#tailCheck.now());
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

  close(): void {
    this.#forget();
    this.#tailCheck.stop();
  }

  /** When the bus was gone, and when a writer has ended: perhaps between an entry's write and its publication. */
  #onLoss(listener: () => void): () => void {
    const ofChat = ({ node }: { node: { services?: { fullName?: string }[] } }) => {
      if (node.services?.some(({ fullName }) => fullName === CHAT)) listener();
    };
    // Updated: it was started again under the same name before it was missed.
    const events = ["$node.disconnected", "$node.updated"];
    for (const event of events) this.#broker.localBus.on(event, ofChat);
    const forget = this.#bus.onReconnected(listener);
    return () => {
      forget();
      for (const event of events) this.#broker.localBus.off(event, ofChat);
    };
  }

  #open(conversation: ConversationId, readLog: ReadLog): Shared {
    const feed = new ConversationFeed(readLog);
    const subscription = this.#bus.subscribe(conversationSubject(conversation), (message) =>
      feed.receive(message),
    );
    const shared = { feed, ready: subscription.ready, unsubscribe: () => subscription.close(), users: 0 };
    this.#shared.set(conversation, shared);
    this.#tailCheck.watch();
    return shared;
  }
}

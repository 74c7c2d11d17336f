/** Goes through all conversations, round and round, and moves on those whose log goes further than they know. */
import type { Collection } from "../../mixins/collection/collection.ts";
import type { Activity } from "./activity.ts";
import type { ChatDocument, RoomHeadDocument } from "./chat.store.ts";
import type { MessageLog } from "./message-log.ts";

/** Conversations of each kind that one run looks at, by two reads. */
const PORTION = 500;

type Heads = Pick<Collection<RoomHeadDocument>, "page">;

export class ActivitySweep {
  readonly #rounds: { heads: Heads; after?: string | undefined }[];
  readonly #activity: Activity;
  readonly #log: MessageLog;

  constructor(
    { chats, rooms }: { chats: Collection<ChatDocument>; rooms: Collection<RoomHeadDocument> },
    activity: Activity,
    log: MessageLog,
  ) {
    // Of a chat's document only what both kinds have is looked at.
    this.#rounds = [{ heads: chats as unknown as Heads }, { heads: rooms }];
    this.#activity = activity;
    this.#log = log;
  }

  async run(): Promise<void> {
    for (const round of this.#rounds) {
      const { heads, after } = round;
      const portion = await heads.page({
        prefix: "",
        limit: PORTION,
        ...(after === undefined ? {} : { after }),
      });
      round.after = portion.length < PORTION ? undefined : portion.at(-1)?._id;
      await this.#activity.catchUpAll(this.#log, portion);
    }
  }
}

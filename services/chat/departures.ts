/**
 * What stays of a conversation when an account, or a room, goes. All of it can be repeated, and is: what came in while it went on is
 * taken by the next round.
 */
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import {
  type ChatDocument,
  type EntryDocument,
  isOfSystem,
  type ReadMarkerDocument,
  type RoomHeadDocument,
} from "./chat.store.ts";

const PORTION = 100;

export interface ChatDocuments {
  chats: Collection<ChatDocument>;
  rooms: Collection<RoomHeadDocument>;
  messages: Collection<EntryDocument>;
  markers: Collection<ReadMarkerDocument>;
}

/**
 * Messages stay, without their author's name. A direct chat stays for the other one; one that nobody is in goes.
 * @param onLeft told of each direct chat that the user has left
 */
export async function forgetUser(
  documents: ChatDocuments,
  user: UserId,
  onLeft: (chat: ConversationId) => void,
): Promise<void> {
  await anonymize(documents.messages, user);
  await leaveChats(documents, user, onLeft);
  await documents.markers.deleteMany({ user_id: user });
}

/** The log goes, with all that is known of it. */
export async function dropLog(
  { rooms, messages, markers }: ChatDocuments,
  conversation: ConversationId,
): Promise<void> {
  await messages.deleteMany({ _id: within(conversation) });
  await markers.deleteMany({ _id: within(conversation) });
  await rooms.deleteOne({ _id: conversation });
}

/** The range of keys that begin with `<conversation>.` */
const within = (conversation: ConversationId) => ({ $gte: `${conversation}.`, $lt: `${conversation}/` });

async function anonymize(messages: Collection<EntryDocument>, user: UserId): Promise<void> {
  for (;;) {
    const written = await messages.find({ sender_id: user }, { limit: PORTION });
    for (const { _id, nonce_key } of written) {
      // Nobody can send that nonce again; but the system may append again what it knows by one of its own.
      const key = isOfSystem(nonce_key) ? nonce_key : _id;
      await messages.updateOne({ _id, sender_id: user }, { $set: { sender_id: null, nonce_key: key } });
    }
    if (written.length < PORTION) return;
  }
}

async function leaveChats(
  documents: ChatDocuments,
  user: UserId,
  onLeft: (chat: ConversationId) => void,
): Promise<void> {
  const { chats } = documents;
  for (;;) {
    const found = await chats.find({ user_ids: user }, { limit: PORTION });
    if (found.length === 0) return;
    for (const { _id, pair, user_ids } of found) {
      if (user_ids.length === 1) {
        // The last one: as long as the chat is there, this can be repeated.
        await dropLog(documents, _id);
        await chats.deleteOne({ _id, user_ids: user });
      } else {
        // Where the other one goes at the same time, one of the two is the last.
        await chats.updateOne({ _id, pair }, { $pull: { user_ids: user }, $set: { pair: _id } });
      }
      onLeft(_id);
    }
  }
}

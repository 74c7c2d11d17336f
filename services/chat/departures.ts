/**
 * What stays of a conversation when an account, or a room, goes. All of it can be repeated, and is: what came in while it went on is
 * taken by the next round.
 */
import type { ConversationId, UserId } from "../../lib/ids.ts";
import type { Collection } from "../../mixins/collection/collection.ts";
import type { ChatDocument, EntryDocument, ReadMarkerDocument, RoomHeadDocument } from "./chat.store.ts";

const PORTION = 100;

export interface ChatDocuments {
  chats: Collection<ChatDocument>;
  rooms: Collection<RoomHeadDocument>;
  messages: Collection<EntryDocument>;
  markers: Collection<ReadMarkerDocument>;
}

/**
 * Messages stay, without their author's name. A direct chat stays for the other one; one that nobody is in goes.
 * @param onLeft told of each direct chat that the user was in
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

/** @param room the log of which goes, with all that is known of it */
export async function dropLog(
  { rooms, messages, markers }: ChatDocuments,
  room: ConversationId,
): Promise<void> {
  await messages.deleteMany({ _id: within(room) });
  await markers.deleteMany({ _id: within(room) });
  await rooms.deleteOne({ _id: room });
}

/** The range of keys that begin with `<conversation>.` */
const within = (conversation: ConversationId) => ({ $gte: `${conversation}.`, $lt: `${conversation}/` });

async function anonymize(messages: Collection<EntryDocument>, user: UserId): Promise<void> {
  for (;;) {
    const written = await messages.find({ sender_id: user }, { limit: PORTION });
    for (const { _id } of written) {
      // Nobody can send that nonce again.
      await messages.updateOne({ _id, sender_id: user }, { $set: { sender_id: null, nonce_key: _id } });
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
    for (const { _id } of found) {
      const left = await chats.findOneAndUpdate(
        { _id, user_ids: user },
        { $pull: { user_ids: user }, $set: { pair: _id } },
      );
      onLeft(_id);
      if (left?.user_ids.length !== 0) continue;
      await dropLog(documents, _id);
      await chats.deleteOne({ _id });
    }
    if (found.length < PORTION) return;
  }
}

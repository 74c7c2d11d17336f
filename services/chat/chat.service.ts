/** Direct chats, and the messages of every conversation. */
import { randomUUID } from "node:crypto";
import { call } from "../../lib/contract.ts";
import { permissionDenied } from "../../lib/errors.ts";
import type { ConversationId, UserId } from "../../lib/ids.ts";
import { isForeseen, isOurs, refusalOf } from "../../lib/refusal.ts";
import { callerOf, implement } from "../../mixins/actions.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume } from "../../mixins/durable-events/durable-events.ts";
import { shardedBy } from "../../mixins/mesh/sharding.ts";
import {
  conversationSubject,
  realtimeBus,
  userSubject,
  type WithBus,
} from "../../mixins/realtime-bus/realtime-bus.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { RoomDeleted } from "../rooms/rooms.contract.ts";
import { Access } from "./access.ts";
import { Activity } from "./activity.ts";
import { ActivitySweep } from "./activity-sweep.ts";
import { type ChatSignal, type Closing, chatContract, type Message, type Signal } from "./chat.contract.ts";
import { chatCollections } from "./chat.store.ts";
import { chatImportContract } from "./chat-import.contract.ts";
import { ChatList } from "./chat-list.ts";
import { dropLog, forgetUser } from "./departures.ts";
import { chatOf, DirectChats } from "./direct-chats.ts";
import { deleteMessage, editMessage } from "./editing.ts";
import { type Draft, messageOf, publishedOf, type Tail } from "./entries.ts";
import { readHistory } from "./history.ts";
import { importEntries } from "./importing.ts";
import { MessageLog } from "./message-log.ts";
import { ReadMarkers } from "./read-markers.ts";
import { lastBefore } from "./since.ts";

type ChatService = WithCollections<typeof chatCollections> &
  WithBus & {
    access: Access;
    activity: Activity;
    activitySweep: ActivitySweep;
    chats: DirectChats;
    log: MessageLog;
    markers: ReadMarkers;
    list: ChatList;
    /** Answers when the message is kept, and the conversation is in its place in the lists. */
    send(conversation: ConversationId, draft: Draft): Promise<Message>;
    /** Tells the others who read along. @param tail as it is now: those who left before it are not among them */
    signal(conversation: ConversationId, from: UserId, tail: Tail, signal: ChatSignal): Promise<void>;
  };

/** Of the question who may write, which others wait behind. */
const WITHIN = { timeout: 2_000 };

const contract = { ...chatContract, ...chatImportContract };

const byConversation = shardedBy("id");

export default defineService<ChatService>({
  name: "chat",
  version: 1,
  mixins: [
    collections(chatCollections),
    realtimeBus,
    sweep<ChatService>({
      name: "edits and deletions that were not applied",
      run: ({ log }, signal) => log.changes.settleAll(signal),
    }),
    sweep<ChatService>({ name: "lists of conversations", run: ({ activitySweep }) => activitySweep.run() }),
  ],
  metadata: { needs: ["v1.users", "v1.rooms", "v1.social"] },

  actions: implement<typeof contract, ChatService>(
    contract,
    {
      async "v1.chat.createDirectChat"(ctx) {
        const { participant_id } = ctx.params;
        const chat = await this.chats.create(callerOf(ctx).id, participant_id, async () => {
          const asked = { user_id: callerOf(ctx).id, others: [participant_id] };
          const [{ exists }, { hidden_ids, blocked_ids }] = await Promise.all([
            call(ctx, "v1.users.exists", { user_id: participant_id }),
            call(ctx, "v1.social.blockedAmong", asked),
          ]);
          if (blocked_ids.length > 0) throw permissionDenied("You have blocked this user.");
          return exists && hidden_ids.length === 0;
        });
        const created = { op: "chat_created", chat: chatOf(chat) } satisfies ChatSignal;
        this.bus.publish(userSubject(participant_id), JSON.stringify(created));
        return { chat_id: chat._id };
      },
      "v1.chat.listUserChats"(ctx) {
        return this.list.page(callerOf(ctx).id, ctx.params);
      },
      async "v1.chat.getChat"(ctx) {
        return chatOf(await this.chats.get(ctx.params.id, callerOf(ctx).id));
      },
      async "v1.chat.listChatMembers"(ctx) {
        const { user_ids } = await this.chats.get(ctx.params.id, callerOf(ctx).id);
        return { user_ids };
      },
      async "v1.chat.sendMessage"(ctx) {
        const { id, text, nonce = randomUUID() } = ctx.params;
        return this.send(id, { type: "message", sender: callerOf(ctx).id, text, nonce });
      },
      async "v1.chat.sendMessages"(ctx) {
        const { id, messages } = ctx.params;
        const { id: sender } = callerOf(ctx);
        // All are begun before any is waited for: so they are in the log in their order.
        const outcomes = await Promise.allSettled(
          messages.map((message) => this.send(id, { type: "message", sender, ...message })),
        );
        const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
        // A failure as any other, for retries and for the circuit breaker.
        if (errors.length === outcomes.length && errors.every(isOurs)) throw errors[0];
        for (const error of errors) {
          if (!isForeseen(error)) this.logger.error("A message of several could not be sent.", error);
        }
        return {
          sent: outcomes.map((outcome) =>
            outcome.status === "fulfilled" ? outcome.value : refusalOf(outcome.reason),
          ),
        };
      },
      async "v1.chat.editMessage"(ctx) {
        const { id, seq, text, nonce = randomUUID() } = ctx.params;
        const { id: sender } = callerOf(ctx);
        await this.access.assertRecentReader(id, sender);
        return messageOf(await editMessage(this.log, id, { sender, nonce, target: seq, text }));
      },
      async "v1.chat.deleteMessage"(ctx) {
        const { id, seq, nonce = randomUUID() } = ctx.params;
        const { id: sender } = callerOf(ctx);
        await this.access.assertRecentReader(id, sender);
        return messageOf(await deleteMessage(this.log, id, { sender, nonce, target: seq }));
      },
      async "v1.chat.listMessages"(ctx) {
        const { id: user } = callerOf(ctx);
        await this.access.assertRecentReader(ctx.params.id, user);
        const page = await readHistory(this.log, ctx.params.id, ctx.params);
        // Again: the read may have taken longer than the answer is good for.
        await this.access.assertRecentReader(ctx.params.id, user);
        return page;
      },
      async "v1.chat.markRead"(ctx) {
        const { id, seq } = ctx.params;
        const { id: user } = callerOf(ctx);
        await this.access.assertRecentReader(id, user);
        const tail = await this.log.readTail(id);
        const read = await this.markers.markRead(this.log, id, user, { seq, tail });
        const isNews = this.markers.isNews(id, user, read.seq);
        if (isNews)
          await this.signal(id, user, tail, { op: "read", conversation: id, user_id: user, seq: read.seq });
        return read;
      },
      async "v1.chat.signalTyping"(ctx) {
        const { id } = ctx.params;
        const { id: user } = callerOf(ctx);
        await this.access.assertRecentReader(id, user);
        const tail = await this.log.readTail(id);
        await this.signal(id, user, tail, { op: "typing", conversation: id, user_id: user });
        return null;
      },
      async "v1.chat.authorizeSubscription"(ctx) {
        const { conversation } = ctx.params;
        // In this order: what happens to the membership after the tail is an entry behind it.
        const { seq } = await this.log.readTail(conversation);
        await this.access.assertReader(conversation, callerOf(ctx).id);
        return { seq };
      },
      async "v1.chat.streamMessages"(ctx) {
        const { id, since_unix_ms } = ctx.params;
        const tail = await this.log.readTail(id);
        await this.access.assertReader(id, callerOf(ctx).id);
        const readEntry = (seq: number) => this.log.find(id, seq);
        const after =
          since_unix_ms === undefined ? tail.seq : await lastBefore(readEntry, tail, since_unix_ms);
        return { seq: tail.seq, after };
      },
      async "v1.chat.appendMembership"(ctx) {
        const { id, user_id, type, membership, at } = ctx.params;
        // No nonce of a client has a colon.
        const draft = { type, sender: user_id, nonce: `${type}:${membership}`, at } as const;
        const entry = await this.log.append(id, draft);
        if (entry.seq === 1) await this.activity.open(id);
        if (type === "join") await this.markers.advance(id, user_id, entry);
        return { seq: entry.seq };
      },
      async "v1.chat.importChats"(ctx) {
        return { chats: await this.chats.import(ctx.params.chats) };
      },
      async "v1.chat.importEntries"(ctx) {
        return await importEntries(this, ctx.params.system, ctx.params.entries);
      },
      async "v1.chat.summarizeRooms"(ctx) {
        return { rooms: await this.list.ofRooms(ctx.params.user_id, ctx.params.ids) };
      },
      async "v1.chat.readEntries"(ctx) {
        const { conversation, after, limit } = ctx.params;
        const entries = await this.log.readForward(conversation, after, limit);
        return { entries: entries.map(publishedOf) };
      },
      async "v1.chat.compareTails"(ctx) {
        return this.log.compare(ctx.params.tails);
      },
    },
    // In steady state one process writes a conversation; correctness does not depend on it.
    {
      "v1.chat.sendMessage": byConversation,
      "v1.chat.sendMessages": byConversation,
      "v1.chat.editMessage": byConversation,
      "v1.chat.deleteMessage": byConversation,
      "v1.chat.appendMembership": byConversation,
      "v1.chat.importEntries": shardedBy("system"),
    },
  ),

  channels: consume<ChatService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await forgetUser(this.collections, user_id, (id) => this.chats.forget(id));
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "chat" });
      },
    },
    "room.deleted": {
      schema: RoomDeleted,
      async handler({ room_id }) {
        await dropLog(this.collections, room_id);
        this.log.forget(room_id);
        this.activity.forget(room_id);
        this.bus.publish(conversationSubject(room_id), JSON.stringify({ closed: true } satisfies Closing));
      },
    },
  }),

  async started() {
    const { chats, messages, markers } = this.collections;
    this.chats = new DirectChats(chats);
    this.access = new Access(this.chats, {
      askRooms: (id, user_ids) => call(this.broker, "v1.rooms.checkMembers", { id, user_ids }, WITHIN),
      isBlocked: async (...user_ids) =>
        (await call(this.broker, "v1.social.isBlockedBetween", { user_ids }, WITHIN)).blocked,
    });
    this.markers = new ReadMarkers(markers);
    this.activity = new Activity(this.collections, this.markers);
    this.list = new ChatList(this.collections);
    // Nobody waits for it: where it fails, the next one who sees the tail tries again.
    const catchUp = (conversation: ConversationId, tail: Tail) =>
      this.activity
        .catchUp(this.log, conversation, tail)
        .catch((error: unknown) => this.logger.debug("A conversation's activity was not mended.", error));
    this.send = async (conversation, draft) => {
      const entry = await this.log.append(conversation, draft);
      await this.activity.note(entry);
      return messageOf(entry);
    };
    this.signal = async (conversation, from, { seq }, signal) => {
      if (!(await this.access.maySignal(conversation, from))) return;
      const published: Signal = { from, behind: seq, frame: JSON.stringify(signal) };
      this.bus.publish(conversationSubject(conversation), JSON.stringify(published));
    };
    this.log = new MessageLog(messages, {
      publish: (entry) =>
        this.bus.publish(conversationSubject(entry.conversation), JSON.stringify(publishedOf(entry))),
      refusals: (conversation, users) => this.access.refusals(conversation, users),
      onTail: (conversation, tail) => void catchUp(conversation, tail),
    });
    this.activitySweep = new ActivitySweep(this.collections, this.activity, this.log);
  },
});

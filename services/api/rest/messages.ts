/** The messages of a conversation: the same routes for direct chats and for rooms. */
import { randomUUID } from "node:crypto";
import type { Route } from "./route.ts";
import { routesOf } from "./route.ts";

interface Conversations {
  tag: "chats" | "rooms";
  /** In summaries. */
  noun: "chat" | "room";
}

/** A call that is tried again within the mesh must not send twice. */
const fill = () => ({ nonce: randomUUID() });

export function messageRoutes({ tag, noun }: Conversations): Route[] {
  const route = routesOf(tag);
  const path = `/v1/${tag}/{id}`;
  // Those of chats have the actions' own names.
  const named = (operationId: string) =>
    noun === "chat" ? operationId : operationId.replace(/(?=[A-Z])/, "Room");
  const sendMessage = {
    method: "POST",
    action: "v1.chat.sendMessage",
    fill,
    status: 201,
    location: ({ conversation_id, seq }: { conversation_id: string; seq: number }) =>
      `/v1/${tag}/${conversation_id}/messages/${seq}`,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { text: "The bell rings. Come to the square!", nonce: "c0ffee-1" },
  } as const;
  return [
    route({
      ...sendMessage,
      path: `${path}/messages`,
      operationId: named("sendMessage"),
      summary: `Send a message to a ${noun}`,
    }),
    route({
      ...sendMessage,
      path: `${path}/message`,
      operationId: named("sendMessageSingular"),
      summary: `Send a message to a ${noun} (the same as …/messages)`,
    }),
    route({
      method: "PATCH",
      path: `${path}/messages/{seq}`,
      action: "v1.chat.editMessage",
      operationId: named("editMessage"),
      summary: "Edit a message of one's own",
      fill,
      problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
      example: { text: "The bell rings. Come to the bridge!", nonce: "c0ffee-2" },
    }),
    route({
      method: "DELETE",
      path: `${path}/messages/{seq}`,
      action: "v1.chat.deleteMessage",
      operationId: named("deleteMessage"),
      summary: "Delete a message of one's own: it keeps its place and loses its text",
      fill,
      problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    }),
    route({
      method: "GET",
      path: `${path}/messages`,
      action: "v1.chat.listMessages",
      operationId: named("listMessages"),
      summary: `Read a ${noun}: newest first, or with \`after\` forward from behind a seq`,
      problems: ["PERMISSION_DENIED", "NOT_FOUND"],
    }),
    route({
      method: "GET",
      path: `${path}/stream`,
      action: "v1.chat.streamMessages",
      operationId: named("streamMessages"),
      summary: `Follow a ${noun} by server-sent events: \`id\` is the seq, \`event\` the op, \`data\` the frame`,
      problems: ["PERMISSION_DENIED", "NOT_FOUND"],
      stream: true,
    }),
    route({
      method: "POST",
      path: `${path}/read`,
      action: "v1.chat.markRead",
      operationId: named("markRead"),
      summary: `Say up to which seq a ${noun} is read`,
      problems: ["PERMISSION_DENIED", "NOT_FOUND"],
      example: { seq: 12 },
    }),
  ];
}

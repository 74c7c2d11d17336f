/** Direct chats and their messages. */
import { randomUUID } from "node:crypto";
import type { Method } from "./route.ts";
import { routesOf } from "./route.ts";

const route = routesOf("chats");

const sendMessage = {
  method: "POST" as Method,
  action: "v1.chat.sendMessage" as const,
  // A call that is tried again within the mesh must not send twice.
  fill: () => ({ nonce: randomUUID() }),
  status: 201 as const,
  location: ({ conversation_id, seq }: { conversation_id: string; seq: number }) =>
    `/v1/chats/${conversation_id}/messages/${seq}`,
  problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"] as const,
  example: { text: "The bell rings. Come to the square!", nonce: "c0ffee-1" },
};

export const chatRoutes = [
  route({
    method: "POST",
    path: "/v1/chats",
    action: "v1.chat.createDirectChat",
    summary: "Open a direct chat; 409 carries the chat_id of one that exists",
    status: 201,
    location: ({ chat_id }) => `/v1/chats/${chat_id}`,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"],
    example: { participant_id: "0000123456789012" },
  }),
  route({
    method: "GET",
    path: "/v1/chats",
    action: "v1.chat.listUserChats",
    summary: "List one's chats, newest activity first",
  }),
  route({
    method: "GET",
    path: "/v1/chats/{id}",
    action: "v1.chat.getChat",
    summary: "Get a chat",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/chats/{id}/members",
    action: "v1.chat.listChatMembers",
    summary: "List who is in a chat",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({ ...sendMessage, path: "/v1/chats/{id}/messages", summary: "Send a message" }),
  route({
    ...sendMessage,
    path: "/v1/chats/{id}/message",
    operationId: "sendMessageSingular",
    summary: "Send a message (the same as …/messages)",
  }),
  route({
    method: "PATCH",
    path: "/v1/chats/{id}/messages/{seq}",
    action: "v1.chat.editMessage",
    summary: "Edit a message of one's own",
    fill: () => ({ nonce: randomUUID() }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { text: "The bell rings. Come to the bridge!", nonce: "c0ffee-2" },
  }),
  route({
    method: "DELETE",
    path: "/v1/chats/{id}/messages/{seq}",
    action: "v1.chat.deleteMessage",
    summary: "Delete a message of one's own: it keeps its place and loses its text",
    fill: () => ({ nonce: randomUUID() }),
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"],
  }),
  route({
    method: "GET",
    path: "/v1/chats/{id}/messages",
    action: "v1.chat.listMessages",
    summary: "Read a chat: newest first, or with `after` forward from behind a seq",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "POST",
    path: "/v1/chats/{id}/read",
    action: "v1.chat.markRead",
    summary: "Say up to which seq a chat is read",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
    example: { seq: 12 },
  }),
];

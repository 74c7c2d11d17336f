/** Direct chats. */
import { messageRoutes } from "./messages.ts";
import { routesOf } from "./route.ts";

const route = routesOf("chats");

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
  ...messageRoutes({ tag: "chats", noun: "chat" }),
];

/** Rooms and their members. */
import { messageRoutes } from "./messages.ts";
import { routesOf } from "./route.ts";

const route = routesOf("rooms");

/** A private room is 404 to who is not in it. */
const problems = ["PERMISSION_DENIED", "NOT_FOUND"] as const;

export const roomRoutes = [
  route({
    method: "POST",
    path: "/v1/rooms",
    action: "v1.rooms.createRoom",
    summary: "Make a room, and own it",
    status: 201,
    location: ({ id }) => `/v1/rooms/${id}`,
    problems: ["ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { name: "town square", is_private: false },
  }),
  route({
    method: "GET",
    path: "/v1/rooms",
    action: "v1.rooms.listRooms",
    summary: "List one's rooms, or with `public=true` all open ones",
  }),
  route({
    method: "GET",
    path: "/v1/rooms/{id}",
    action: "v1.rooms.getRoom",
    summary: "Get a room",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "PATCH",
    path: "/v1/rooms/{id}",
    action: "v1.rooms.updateRoom",
    summary: "Rename a room, open or close it to others: its owner may",
    problems: [...problems, "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { name: "market square" },
  }),
  route({
    method: "DELETE",
    path: "/v1/rooms/{id}",
    action: "v1.rooms.deleteRoom",
    summary: "Delete a room with its messages: its owner may",
    status: 204,
    problems,
  }),
  route({
    method: "POST",
    path: "/v1/rooms/{id}/join",
    action: "v1.rooms.joinRoom",
    input: "none",
    summary: "Join an open room",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "POST",
    path: "/v1/rooms/{id}/leave",
    action: "v1.rooms.leaveRoom",
    input: "none",
    summary: "Leave a room",
    status: 204,
    problems: [...problems, "FAILED_PRECONDITION"],
  }),
  route({
    method: "POST",
    path: "/v1/rooms/{id}/invite",
    action: "v1.rooms.inviteMember",
    summary: "Make somebody a member: the owner and admins may",
    problems,
    example: { user_id: "0000123456789012" },
  }),
  route({
    method: "GET",
    path: "/v1/rooms/{id}/members",
    action: "v1.rooms.listMembers",
    summary: "List who is in a room, by user id",
    problems,
  }),
  route({
    method: "PATCH",
    path: "/v1/rooms/{id}/members/{user_id}",
    action: "v1.rooms.changeRole",
    summary: "Make a member an admin, a plain member, or the owner in one's place: the owner may",
    problems: [...problems, "FAILED_PRECONDITION"],
    example: { role: "admin" },
  }),
  route({
    method: "DELETE",
    path: "/v1/rooms/{id}/members/{user_id}",
    action: "v1.rooms.removeMember",
    summary: "Remove a member: the owner may, and admins plain members",
    status: 204,
    problems: [...problems, "FAILED_PRECONDITION"],
  }),
  ...messageRoutes({ tag: "rooms", noun: "room" }),
];

/** Friends, follows and blocks. */
import { routesOf } from "./route.ts";

const friends = routesOf("friends");
const follows = routesOf("follows");
const blocks = routesOf("blocks");

export const socialRoutes = [
  friends({
    method: "POST",
    path: "/v1/friends/{user_id}/request",
    action: "v1.social.sendFriendRequest",
    summary: "Ask somebody to be friends; who has asked you becomes your friend at once",
    input: "none",
    status: 201,
    location: ({ request_id }) => `/v1/friends/requests/${request_id}`,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED"],
  }),
  friends({
    method: "GET",
    path: "/v1/friends/requests",
    action: "v1.social.listRequests",
    summary: "List the requests that wait for one's answer, or for another's",
  }),
  friends({
    method: "POST",
    path: "/v1/friends/requests/{request_id}/accept",
    action: "v1.social.acceptFriendRequest",
    summary: "Accept a friend request",
    input: "none",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "POST",
    path: "/v1/friends/requests/{request_id}/decline",
    action: "v1.social.declineFriendRequest",
    summary: "Decline a friend request",
    input: "none",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "DELETE",
    path: "/v1/friends/requests/{request_id}",
    action: "v1.social.cancelFriendRequest",
    summary: "Take back a friend request of one's own",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "GET",
    path: "/v1/friends",
    action: "v1.social.listFriends",
    summary: "List one's friends",
  }),
  friends({
    method: "DELETE",
    path: "/v1/friends/{user_id}",
    action: "v1.social.removeFriend",
    summary: "End a friendship",
    status: 204,
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "POST",
    path: "/v1/follows/{user_id}",
    action: "v1.social.follow",
    summary: "Follow somebody",
    input: "none",
    status: 204,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  follows({
    method: "DELETE",
    path: "/v1/follows/{user_id}",
    action: "v1.social.unfollow",
    summary: "Follow somebody no more",
    status: 204,
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/followers",
    action: "v1.social.listFollowers",
    summary: "List who follows a user",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/following",
    action: "v1.social.listFollowing",
    summary: "List whom a user follows",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/counts",
    action: "v1.social.getCounts",
    summary: "Count a user's friends, followers, and whom the user follows",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  blocks({
    method: "POST",
    path: "/v1/blocks/{user_id}",
    action: "v1.social.block",
    summary: "Block somebody, which ends friendship and follows between the two",
    input: "none",
    status: 204,
    problems: ["NOT_FOUND"],
  }),
  blocks({
    method: "DELETE",
    path: "/v1/blocks/{user_id}",
    action: "v1.social.unblock",
    summary: "Block somebody no more",
    status: 204,
  }),
  blocks({
    method: "GET",
    path: "/v1/blocks",
    action: "v1.social.listBlocks",
    summary: "List whom one has blocked",
  }),
];

/** Friends, follows and blocks. */
import { routesOf } from "./route.ts";

const friends = routesOf("friends");
const follows = routesOf("follows");
const blocks = routesOf("blocks");

const BORIS = "0000123456789012";
const OLGA = "0000123456789010";
const request = {
  request_id: `${OLGA}.${BORIS}.1767268800000`,
  status: "PENDING",
  from_user_id: OLGA,
  to_user_id: BORIS,
  created_at_unix_ms: 1767268800000,
} as const;
const { request_id } = request;
const users = { user_ids: [BORIS], next_cursor: null };

export const socialRoutes = [
  friends({
    method: "POST",
    path: "/v1/friends/{user_id}/request",
    action: "v1.social.sendFriendRequest",
    example: { user_id: BORIS },
    answer: request,
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
    example: { direction: "outgoing" },
    answer: { requests: [request], next_cursor: null },
    summary: "List the requests that wait for one's answer, or for another's",
  }),
  friends({
    method: "POST",
    path: "/v1/friends/requests/{request_id}/accept",
    action: "v1.social.acceptFriendRequest",
    example: { request_id },
    answer: { ...request, status: "ACCEPTED" },
    summary: "Accept a friend request",
    input: "none",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "POST",
    path: "/v1/friends/requests/{request_id}/decline",
    action: "v1.social.declineFriendRequest",
    example: { request_id },
    answer: { ...request, status: "DECLINED" },
    summary: "Decline a friend request",
    input: "none",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "DELETE",
    path: "/v1/friends/requests/{request_id}",
    action: "v1.social.cancelFriendRequest",
    example: { request_id },
    answer: { ...request, status: "CANCELED" },
    summary: "Take back a friend request of one's own",
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  friends({
    method: "GET",
    path: "/v1/friends",
    action: "v1.social.listFriends",
    answer: { friend_user_ids: [BORIS], next_cursor: null },
    summary: "List one's friends",
  }),
  friends({
    method: "DELETE",
    path: "/v1/friends/{user_id}",
    action: "v1.social.removeFriend",
    example: { user_id: BORIS },
    summary: "End a friendship",
    status: 204,
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "POST",
    path: "/v1/follows/{user_id}",
    action: "v1.social.follow",
    example: { user_id: BORIS },
    summary: "Follow somebody",
    input: "none",
    status: 204,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  follows({
    method: "DELETE",
    path: "/v1/follows/{user_id}",
    action: "v1.social.unfollow",
    example: { user_id: BORIS },
    summary: "Follow somebody no more",
    status: 204,
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/followers",
    action: "v1.social.listFollowers",
    example: { user_id: OLGA },
    answer: users,
    summary: "List who follows a user",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/following",
    action: "v1.social.listFollowing",
    example: { user_id: OLGA },
    answer: users,
    summary: "List whom a user follows",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  follows({
    method: "GET",
    path: "/v1/users/{id}/counts",
    action: "v1.social.getCounts",
    example: { user_id: OLGA },
    answer: { friends_count: 2, followers_count: 12, following_count: 7 },
    summary: "Count a user's friends, followers, and whom the user follows",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  blocks({
    method: "POST",
    path: "/v1/blocks/{user_id}",
    action: "v1.social.block",
    example: { user_id: BORIS },
    summary: "Block somebody, which ends friendship and follows between the two",
    input: "none",
    status: 204,
    problems: ["NOT_FOUND"],
  }),
  blocks({
    method: "DELETE",
    path: "/v1/blocks/{user_id}",
    action: "v1.social.unblock",
    example: { user_id: BORIS },
    summary: "Block somebody no more",
    status: 204,
  }),
  blocks({
    method: "GET",
    path: "/v1/blocks",
    action: "v1.social.listBlocks",
    answer: users,
    summary: "List whom one has blocked",
  }),
];

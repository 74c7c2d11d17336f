/** How users show themselves to others. */
import { routesOf } from "./route.ts";

const route = routesOf("profiles");

export const profileRoutes = [
  route({
    method: "POST",
    path: "/v1/profile",
    action: "v1.users.createProfile",
    summary: "Choose a nickname and fill in the profile",
    status: 201,
    location: ({ id }) => `/v1/profile/${id}`,
    problems: ["NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { nickname: "olga", first_name: "Olga", bio: "Speaks at every veche." },
  }),
  route({
    method: "PATCH",
    path: "/v1/profile",
    action: "v1.users.updateProfile",
    summary: "Change the profile",
    problems: ["NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { bio: null, display_name: "Olga of Pskov" },
  }),
  route({
    method: "GET",
    path: "/v1/me",
    action: "v1.users.getMe",
    summary: "Get one's own profile, with email and username",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/profile/{id}",
    action: "v1.users.getProfileById",
    summary: "Get a profile",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/profile/by-nickname/{nickname}",
    action: "v1.users.getProfileByNickname",
    summary: "Get the profile with a nickname",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/users/search",
    action: "v1.users.searchByNickname",
    summary: "Find users by how their nickname starts",
  }),
  route({
    method: "GET",
    path: "/v1/users",
    action: "v1.users.listProfiles",
    summary: "List users",
  }),
];

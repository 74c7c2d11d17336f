/** Photos, and avatars. */
import { routesOf } from "./route.ts";

const route = routesOf("photos");

export const photoRoutes = [
  route({
    method: "POST",
    path: "/v1/me/photos",
    action: "v1.photo.loadPhoto",
    summary: "Upload a photo: JPEG, PNG, WebP or GIF by what it contains",
    input: "multipart",
    file: { field: "photo", param: "upload" },
    status: 201,
    location: ({ id }) => `/v1/photos/${id}`,
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/me/photos",
    action: "v1.photo.getMyPhotos",
    summary: "List one's own photos, newest first",
  }),
  route({
    method: "GET",
    path: "/v1/users/{id}/photos",
    action: "v1.photo.getPhotos",
    summary: "List the photos of a user, newest first",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "DELETE",
    path: "/v1/me/photos/{photo_id}",
    action: "v1.photo.deletePhoto",
    summary: "Delete a photo, wherever it is shown",
    status: 204,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/photos/{photo_id}",
    action: "v1.photo.readPhoto",
    summary: "Get the bytes of a photo: with a token, or by the URL that answers carry",
    bytes: true,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "PUT",
    path: "/v1/me/avatar",
    action: "v1.users.setAvatar",
    summary: "Upload an avatar, in the place of the one before",
    input: "multipart",
    file: { field: "image", param: "upload" },
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
  }),
  route({
    method: "DELETE",
    path: "/v1/me/avatar",
    action: "v1.users.removeAvatar",
    summary: "Delete the avatar that was uploaded",
    status: 204,
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
  }),
];

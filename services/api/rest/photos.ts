/** Photos, and avatars. */
import type { PhotoId } from "../../../lib/ids.ts";
import { routesOf } from "./route.ts";

const route = routesOf("photos");

const photo = {
  id: "0245496410105442",
  user_id: "0000123456789010",
  content_type: "image/jpeg",
  width: 1600,
  height: 1200,
  size: 312_004,
  url: "/v1/photos/0245496410105442?size=full&exp=1767272400&sig=c2lnbmF0dXJlIG9mIGE",
  thumb_url: "/v1/photos/0245496410105442?size=thumb&exp=1767272400&sig=YW5vdGhlciBzaWduYX",
  created_at_unix_ms: 1767268800000,
};
const gallery = { photos: [photo], next_cursor: null };
// As it is in the path.
const photo_id = photo.id as PhotoId;

export const photoRoutes = [
  route({
    method: "POST",
    path: "/v1/me/photos",
    action: "v1.photo.loadPhoto",
    answer: photo,
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
    example: { limit: 50 },
    answer: gallery,
    summary: "List one's own photos, newest first",
  }),
  route({
    method: "GET",
    path: "/v1/users/{id}/photos",
    action: "v1.photo.getPhotos",
    example: { user_id: "0000123456789010" },
    answer: gallery,
    summary: "List the photos of a user, newest first",
    renamed: { id: "user_id" },
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "DELETE",
    path: "/v1/me/photos/{photo_id}",
    action: "v1.photo.deletePhoto",
    example: { photo_id },
    summary: "Delete a photo, wherever it is shown",
    status: 204,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "GET",
    path: "/v1/photos/{photo_id}",
    action: "v1.photo.readPhoto",
    example: { photo_id, size: "thumb" },
    summary: "Get the bytes of a photo: with a token, or by the URL that answers carry",
    bytes: true,
    problems: ["PERMISSION_DENIED", "NOT_FOUND"],
  }),
  route({
    method: "PUT",
    path: "/v1/me/avatar",
    action: "v1.users.setAvatar",
    answer: photo,
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

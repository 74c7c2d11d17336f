/** Posts and the feed. */
import { routesOf } from "./route.ts";

const route = routesOf("posts");
const image = { field: "image", param: "upload", optional: true };

export const postRoutes = [
  route({
    method: "POST",
    path: "/v1/posts",
    action: "v1.posts.createPost",
    summary: "Write a post: a text, an image, or both",
    input: "multipart",
    file: image,
    status: 201,
    location: ({ id }) => `/v1/posts/${id}`,
    problems: ["NOT_FOUND"],
    example: { text: "The veche meets at noon, by the bell." },
  }),
  route({
    method: "GET",
    path: "/v1/posts",
    action: "v1.posts.listPosts",
    summary: "List posts, newest first: all, of one author, with some words",
  }),
  route({
    method: "GET",
    path: "/v1/posts/{id}",
    action: "v1.posts.getPost",
    summary: "Get a post",
    problems: ["NOT_FOUND"],
  }),
  route({
    method: "PUT",
    path: "/v1/posts/{id}",
    action: "v1.posts.updatePost",
    summary: "Change the text of a post, its image, or both",
    input: "multipart",
    file: image,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
    example: { text: "The veche meets at one, by the bell." },
  }),
  route({
    method: "DELETE",
    path: "/v1/posts/{id}",
    action: "v1.posts.deletePost",
    summary: "Delete a post, and its image",
    status: 204,
    problems: ["PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"],
  }),
  route({
    method: "GET",
    path: "/v1/feed",
    action: "v1.posts.feed",
    summary: "List the posts of those whom one follows, newest first",
  }),
];

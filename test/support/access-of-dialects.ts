// Of every route of the older dialects, who may use it, as access.ts says of those of /v1.
import { type Entry, foreign, open, own, shared, type World } from "./access.ts";
import { uniqueName } from "./http.ts";

const numberOf = (id: string) => Number(id);
const roomNumber = ({ room }: World) => numberOf(room);
const annsNumber = ({ ann }: World) => numberOf(ann.userId);
const newEmail = () => `${uniqueName()}@example.com`;

const chatServer: Record<string, Entry> = {
  "POST /register": open("nobody has an account before"),
  "PUT /login": open("the password is what is asked for"),
  "GET /profile": own("shows the caller's"),
  "GET /profile/{UID}": open("names are for all; emails are not shown"),
  "PUT /change-name": own("changes the caller's", () => ({ NewName: uniqueName("N") })),
  "POST /create-room": own("makes one of the caller's", () => ({ Name: uniqueName("r"), IsPrivate: false })),
  "PUT /join": foreign(403, { body: (world) => ({ RoomID: roomNumber(world) }) }),
  "PUT /invite": foreign(403, {
    body: (world) => ({ RoomID: roomNumber(world), UID: numberOf(world.eve.userId) }),
  }),
  "GET /rooms": own("lists the caller's"),
  "GET /room/{roomID}": open("open rooms are for all; private ones are not shown"),
  "GET /messages/{roomID}": foreign(403, { params: (world) => ({ roomID: String(roomNumber(world)) }) }),
};

const userManagement: Record<string, Entry> = {
  "POST /auth/register": open("nobody has an account before"),
  "POST /auth/login": open("the password is what is asked for"),
  "DELETE /users/logout": own("ends the session of the request"),
  "DELETE /users/delete": own("deletes the caller's", ({ ann }) => ({ password: ann.password })),
  "DELETE /users/del": own("deletes the caller's", ({ ann }) => ({ password: ann.password })),
  "PATCH /me/update": own(
    "changes the caller's",
    () => ({ name: "Changed" }),
    () => ({ update_type: "name" }),
  ),
  "GET /me": own("shows the caller's"),
  "GET /users/{id}": shared("profiles are for all users", ({ ann }) => ({ id: ann.userId })),
  "POST /me/photos": own("makes one of the caller's"),
  "GET /me/photos": own("lists the caller's"),
  "GET /me/photos/{photo_id}": foreign(404, { params: ({ annsPhoto }) => ({ photo_id: annsPhoto }) }),
  "DELETE /me/photos/{photo_id}": foreign(403, { params: ({ annsPhoto }) => ({ photo_id: annsPhoto }) }),
  "GET /users/{id}/photos/{photo_id}": shared("for all users but those who are blocked", (world) => ({
    id: world.ann.userId,
    photo_id: world.annsPhoto,
  })),
};

const underApi = Object.fromEntries(
  Object.entries(userManagement).map(([key, entry]) => [key.replace(" /", " /api/"), entry]),
);

const withAnn = (why: string) => own(why, (world) => ({ subscription_id: annsNumber(world) }));
const ofAnn = (world: World) => ({ user_id: String(annsNumber(world)) });

const ego: Record<string, Entry> = {
  "POST /auth/registration": open("nobody has an account before"),
  "GET /auth/verify": own("tells who the caller is"),
  "GET /auth/refresh": open("the refresh token is what is asked for"),
  "PATCH /auth/update_login_data": own("changes the caller's", () => ({ user_email: newEmail() })),
  "GET /users/info": shared("profiles are for all users", ofAnn),
  "POST /users/create_user": own("fills in the caller's", () => ({
    ...{ first_name: "Changed", last_name: "Changed", gender: "male", birthday: "2000-01-01" },
  })),
  "PATCH /users/update_user_info": own("changes the caller's", () => ({ first_name: "Changed" })),
  "DELETE /users/delete_user": own("deletes the caller's"),
  "POST /avatars/set_avatar": own("sets the caller's"),
  "DELETE /avatars/delete_avatar": own("deletes the caller's"),
  "POST /subscription/subscribe": withAnn("follows for the caller"),
  "DELETE /subscription/unsubscribe": withAnn("follows no more for the caller"),
  "GET /subscription/get_subscriptions": shared("who follows whom is for all users", ofAnn),
  "GET /subscription/get_subscribers": shared("as the subscriptions", ofAnn),
  "POST /posts/create_post": own("writes one of the caller's", () => ({ text_content: "Changed" })),
  "PATCH /posts/update_post": foreign(403, {
    body: ({ annsPost }) => ({ post_id: annsPost, text_content: "Not I." }),
  }),
  "DELETE /posts/delete_post": foreign(403, { body: ({ annsPost }) => ({ post_id: annsPost }) }),
  "GET /posts/user_posts": shared("posts are for all users", (world) => ({
    creator_id: String(annsNumber(world)),
  })),
  "GET /posts/full_text_search": shared("as by user", () => ({ query_string: "everybody" })),
  "GET /posts/get_post": shared("as by user", ({ annsPost }) => ({ post_id: annsPost })),
};

const authPosts: Record<string, Entry> = {
  "POST /auth/reg": open("nobody has an account before"),
  "GET /auth/login": open("the password is what is asked for"),
  "GET /users": shared("who is there is for all users; emails are not"),
  "POST /users": foreign(403, { body: () => ({ email: newEmail(), password: "correct horse" }) }),
  "PUT /users": foreign(403, { body: (world) => ({ id: annsNumber(world), email: newEmail() }) }),
  "DELETE /users/{id}": foreign(403, { params: (world) => ({ id: String(annsNumber(world)) }) }),
  "POST /posts": own("writes one of the caller's", () => ({ text: "Changed" })),
  "GET /posts": shared("posts are for all users"),
  "PUT /posts/{id}": foreign(403, {
    params: ({ annsPost }) => ({ id: String(numberOf(annsPost)) }),
    body: () => ({ text: "Not I." }),
  }),
  "DELETE /posts/{id}": foreign(403, { params: ({ annsPost }) => ({ id: String(numberOf(annsPost)) }) }),
};

export const dialectEntries = { ...chatServer, ...userManagement, ...underApi, ...ego, ...authPosts };

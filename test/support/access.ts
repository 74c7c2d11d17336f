// Of every route, who may use it: Ann has something, Eve asks for it.
import { type SignedUp, uniqueName } from "./http.ts";

/** Ann has things, Bob shares some of them with her, Eve has no business with any. */
export interface World {
  ann: SignedUp;
  bob: SignedUp;
  eve: SignedUp;
  annsSession: string;
  annsNickname: string;
  /** Of Ann and Bob. */
  chat: string;
  /** A private one, of Ann's, with Bob in it. */
  room: string;
  /** Ann asked Bob to be friends. */
  friendRequest: string;
  annsPhoto: string;
  annsPost: string;
}

export interface Entry {
  kind: "open" | "own" | "shared" | "foreign";
  /** Of Eve's request for what is Ann's. */
  status?: number;
  /** In the path, else in the query: what is Ann's. */
  params?(world: World): Record<string, string>;
  /** With which Ann's own request would be served. */
  body?(world: World): object;
}

/** Serves callers without a token. */
export const open = (_why: string): Entry => ({ kind: "open" });
/** Has no resource of another: whom it concerns is the caller. */
export const own = (_why: string, body?: Entry["body"], params?: Entry["params"]): Entry => ({
  ...{ kind: "own", body, params },
});
/** Everybody who is signed in may. */
export const shared = (_why: string, params?: Entry["params"]): Entry => ({ kind: "shared", params });
/** Refuses Eve what is Ann's. */
export const foreign = (status: 403 | 404, more: Pick<Entry, "params" | "body">): Entry => ({
  ...{ kind: "foreign", status },
  ...more,
});

const annsChat = { params: ({ chat }: World) => ({ id: chat }) };
const ofAnnsMessage = { params: ({ chat }: World) => ({ id: chat, seq: "1" }) };
const annsRequest = { params: ({ friendRequest }: World) => ({ request_id: friendRequest }) };
const withAnn = (why: string) => own(why, undefined, ({ ann }) => ({ user_id: ann.userId }));
const ofAnn = ({ ann }: World) => ({ id: ann.userId });
const annsPost = { params: ({ annsPost }: World) => ({ id: annsPost }) };
const toAnnsChat = { ...annsChat, body: () => ({ text: "I should not be here." }) };

const annsRoom = { params: ({ room }: World) => ({ id: room }) };
const ofRoomMessage = { params: ({ room }: World) => ({ id: room, seq: "2" }) };
const toAnnsRoom = { ...annsRoom, body: () => ({ text: "I should not be here." }) };
const bobInRoom = { params: ({ room, bob }: World) => ({ id: room, user_id: bob.userId }) };

export const entries: Record<string, Entry> = {
  "POST /v1/register": open("nobody has an account before"),
  "POST /v1/login": open("the password is what is asked for"),
  "POST /v1/refresh": open("the refresh token is what is asked for"),
  "GET /v1/auth/verify": own("tells whose token it is"),
  "POST /v1/logout": own("ends the session of the token"),
  "POST /v1/logout/all": own("ends the sessions of the caller"),
  "GET /v1/sessions": own("lists the caller's"),
  "DELETE /v1/sessions/{id}": foreign(404, { params: ({ annsSession }) => ({ id: annsSession }) }),
  "PATCH /v1/account": own("changes the caller's", () => ({ username: uniqueName("Name") })),
  "DELETE /v1/account": own("deletes the caller's", ({ ann }) => ({ password: ann.password })),
  "POST /v1/profile": own("fills in the caller's", () => ({ nickname: uniqueName("n") })),
  "PATCH /v1/profile": own("changes the caller's", () => ({ bio: "Changed." })),
  "GET /v1/me": own("shows the caller's"),
  "GET /v1/profile/{id}": shared("profiles are for all users", ({ ann }) => ({ id: ann.userId })),
  "GET /v1/profile/by-nickname/{nickname}": shared("as by id", ({ annsNickname }) => ({
    nickname: annsNickname,
  })),
  "GET /v1/users/search": shared("as by id", ({ annsNickname }) => ({ query: annsNickname })),
  "GET /v1/users": shared("as by id"),
  "POST /v1/friends/{user_id}/request": withAnn("asks for the caller"),
  "GET /v1/friends/requests": own("lists the caller's"),
  "POST /v1/friends/requests/{request_id}/accept": foreign(403, annsRequest),
  "POST /v1/friends/requests/{request_id}/decline": foreign(403, annsRequest),
  "DELETE /v1/friends/requests/{request_id}": foreign(403, annsRequest),
  "GET /v1/friends": own("lists the caller's"),
  "DELETE /v1/friends/{user_id}": withAnn("ends a friendship of the caller"),
  "POST /v1/follows/{user_id}": withAnn("follows for the caller"),
  "DELETE /v1/follows/{user_id}": withAnn("follows no more for the caller"),
  "GET /v1/users/{id}/followers": shared("who follows whom is for all users", ofAnn),
  "GET /v1/users/{id}/following": shared("as the followers", ofAnn),
  "GET /v1/users/{id}/counts": shared("as the followers", ofAnn),
  "POST /v1/blocks/{user_id}": withAnn("blocks for the caller"),
  "DELETE /v1/blocks/{user_id}": withAnn("blocks no more for the caller"),
  "GET /v1/blocks": own("lists the caller's"),
  "POST /v1/chats": own("opens one of the caller's", ({ eve }) => ({ participant_id: eve.userId })),
  "GET /v1/chats": own("lists the caller's"),
  "GET /v1/chats/{id}": foreign(403, annsChat),
  "GET /v1/chats/{id}/members": foreign(403, annsChat),
  "GET /v1/chats/{id}/stream": foreign(403, annsChat),
  "GET /v1/chats/{id}/messages": foreign(403, annsChat),
  "POST /v1/chats/{id}/messages": foreign(403, toAnnsChat),
  "POST /v1/chats/{id}/message": foreign(403, toAnnsChat),
  "POST /v1/chats/{id}/read": foreign(403, { ...annsChat, body: () => ({ seq: 1 }) }),
  "PATCH /v1/chats/{id}/messages/{seq}": foreign(403, { ...ofAnnsMessage, body: () => ({ text: "Not I." }) }),
  "POST /v1/posts": own("writes one of the caller's", () => ({ text: "Mine." })),
  "GET /v1/posts": shared("for all users but those who are blocked", ({ ann }) => ({ author: ann.userId })),
  "GET /v1/posts/{id}": shared("as the list", annsPost.params),
  "PUT /v1/posts/{id}": foreign(403, { ...annsPost, body: () => ({ text: "Not I." }) }),
  "DELETE /v1/posts/{id}": foreign(403, annsPost),
  "GET /v1/feed": own("of whom the caller follows"),
  "POST /v1/me/photos": own("makes one of the caller's"),
  "GET /v1/me/photos": own("lists the caller's"),
  "GET /v1/users/{id}/photos": shared("for all users but those who are blocked", ({ ann }) => ({
    id: ann.userId,
  })),
  "GET /v1/photos/{photo_id}": shared("as the list", ({ annsPhoto }) => ({ photo_id: annsPhoto })),
  "DELETE /v1/me/photos/{photo_id}": foreign(403, { params: ({ annsPhoto }) => ({ photo_id: annsPhoto }) }),
  "PUT /v1/me/avatar": own("sets the caller's"),
  "DELETE /v1/me/avatar": own("deletes the caller's"),
  "DELETE /v1/chats/{id}/messages/{seq}": foreign(403, ofAnnsMessage),
  "POST /v1/rooms": own("makes one of the caller's", () => ({ name: uniqueName("r") })),
  "GET /v1/rooms": own("lists the caller's"),
  "GET /v1/rooms/{id}": foreign(404, annsRoom),
  "PATCH /v1/rooms/{id}": foreign(404, { ...annsRoom, body: () => ({ is_private: false }) }),
  "DELETE /v1/rooms/{id}": foreign(404, annsRoom),
  "POST /v1/rooms/{id}/join": foreign(404, annsRoom),
  "POST /v1/rooms/{id}/leave": foreign(404, annsRoom),
  "POST /v1/rooms/{id}/invite": foreign(404, {
    ...annsRoom,
    body: ({ eve }) => ({ user_id: eve.userId }),
  }),
  "GET /v1/rooms/{id}/members": foreign(404, annsRoom),
  "PATCH /v1/rooms/{id}/members/{user_id}": foreign(404, { ...bobInRoom, body: () => ({ role: "admin" }) }),
  "DELETE /v1/rooms/{id}/members/{user_id}": foreign(404, bobInRoom),
  "GET /v1/rooms/{id}/stream": foreign(404, annsRoom),
  "GET /v1/rooms/{id}/messages": foreign(404, annsRoom),
  "POST /v1/rooms/{id}/messages": foreign(404, toAnnsRoom),
  "POST /v1/rooms/{id}/message": foreign(404, toAnnsRoom),
  "POST /v1/rooms/{id}/read": foreign(404, { ...annsRoom, body: () => ({ seq: 1 }) }),
  "PATCH /v1/rooms/{id}/messages/{seq}": foreign(404, { ...ofRoomMessage, body: () => ({ text: "Not I." }) }),
  "DELETE /v1/rooms/{id}/messages/{seq}": foreign(404, ofRoomMessage),
};

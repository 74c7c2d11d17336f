/** A typed client of `/v1`: REST calls with fetch, and a live connection by WebSocket. Runs in browsers and on Node 22 or newer. */
import type { z } from "zod";
import type { Tokens } from "../../services/auth/auth.contract.ts";
import type { Chat, ChatSummary, Message } from "../../services/chat/chat.contract.ts";
import type { Room, RoomMember, RoomSummary } from "../../services/rooms/rooms.contract.ts";
import { LiveConnection, type OpenOptions } from "./live-connection.ts";
import { SteadyConnection } from "./steady-connection.ts";
import type { SteadyOptions } from "./steady-options.ts";
import { expiryOf } from "./token.ts";

export type { Message } from "../../services/chat/chat.contract.ts";
export type { Callbacks, Deleted, Edited, Signal } from "./frames.ts";
export { LiveConnection } from "./live-connection.ts";
export { SteadyConnection } from "./steady-connection.ts";

/** How long before its end an access token is replaced. */
const REFRESH_BEFORE_MS = 60_000;

type Credentials = { email: string; password: string };
type SignedIn = z.output<typeof Tokens>;

export interface MessagePage {
  messages: Message[];
  seq: number;
  next_cursor: string | null;
}

/** An answer that is no success, as `application/problem+json` tells it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** All that the answer says, `chat_id` of a chat that exists for one. */
  readonly problem: Record<string, unknown>;

  constructor(status: number, problem: Record<string, unknown>) {
    super(String(problem.detail ?? `status ${status}`));
    this.name = "ApiError";
    this.status = status;
    this.code = String(problem.code ?? "");
    this.problem = problem;
  }
}

type Page = { limit?: number; cursor?: string };

/** A conversation's id says what it is. */
const pathOf = (id: string) => (Number(id.at(-1)) % 2 === 1 ? `/v1/rooms/${id}` : `/v1/chats/${id}`);

const search = (query: object) =>
  new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]));

export class VecheClient {
  readonly baseUrl: string;
  /** Of who signed in last. */
  tokens: SignedIn | undefined;

  /** @param baseUrl `http://localhost:3000` */
  constructor(baseUrl: string) {
    this.baseUrl = baseUrl;
  }

  async register(account: Credentials & { nickname?: string; username?: string }): Promise<SignedIn> {
    this.tokens = await this.request<SignedIn>("POST", "/v1/register", account);
    return this.tokens;
  }

  async login(credentials: Credentials | { username: string; password: string }): Promise<SignedIn> {
    this.tokens = await this.request<SignedIn>("POST", "/v1/login", credentials);
    return this.tokens;
  }

  async logout(): Promise<void> {
    await this.request("POST", "/v1/logout");
    this.tokens = undefined;
  }

  /** The id of the chat with this user, which is opened if there is none. */
  async openChat(participant_id: string): Promise<string> {
    try {
      const { chat_id } = await this.request<{ chat_id: string }>("POST", "/v1/chats", { participant_id });
      return chat_id;
    } catch (error) {
      if (error instanceof ApiError && typeof error.problem.chat_id === "string")
        return error.problem.chat_id;
      throw error;
    }
  }

  listChats(query: Page = {}): Promise<{ chats: ChatSummary[]; next_cursor: string | null }> {
    return this.request("GET", `/v1/chats?${search(query)}`);
  }

  createRoom(room: { name: string; is_private?: boolean }): Promise<Room> {
    return this.request("POST", "/v1/rooms", room);
  }

  /** One's own, or all that are open. */
  listRooms(
    query: Page & { public?: boolean } = {},
  ): Promise<{ rooms: RoomSummary[]; next_cursor: string | null }> {
    return this.request("GET", `/v1/rooms?${search(query)}`);
  }

  joinRoom(id: string): Promise<RoomMember> {
    return this.request("POST", `/v1/rooms/${id}/join`);
  }

  /** When it resolves, nothing of the room can be read any more. */
  async leaveRoom(id: string): Promise<void> {
    await this.request("POST", `/v1/rooms/${id}/leave`);
  }

  /** Makes somebody a member at once. */
  invite(id: string, user_id: string): Promise<RoomMember> {
    return this.request("POST", `/v1/rooms/${id}/invite`, { user_id });
  }

  async removeMember(id: string, user_id: string): Promise<void> {
    await this.request("DELETE", `/v1/rooms/${id}/members/${user_id}`);
  }

  getChat(id: string): Promise<Chat> {
    return this.request("GET", `/v1/chats/${id}`);
  }

  /** @param nonce the same one for each try of the same message */
  sendMessage(id: string, text: string, nonce: string = crypto.randomUUID()): Promise<Message> {
    return this.request("POST", `${pathOf(id)}/messages`, { text, nonce });
  }

  editMessage(id: string, seq: number, text: string, nonce: string = crypto.randomUUID()): Promise<Message> {
    return this.request("PATCH", `${pathOf(id)}/messages/${seq}`, { text, nonce });
  }

  deleteMessage(id: string, seq: number, nonce: string = crypto.randomUUID()): Promise<Message> {
    return this.request("DELETE", `${pathOf(id)}/messages/${seq}?nonce=${nonce}`);
  }

  /** @returns what counts as read now, and how many messages are behind it */
  markRead(id: string, seq: number): Promise<{ seq: number; unread_count: number }> {
    return this.request("POST", `${pathOf(id)}/read`, { seq });
  }

  listMessages(id: string, query: Page & { after?: number } = {}): Promise<MessagePage> {
    return this.request("GET", `${pathOf(id)}/messages?${search(query)}`);
  }

  /** A pair of tokens in the place of the one in use. */
  async refresh(): Promise<SignedIn> {
    const refresh_token = this.tokens?.refresh_token;
    this.tokens = await this.request<SignedIn>("POST", "/v1/refresh", { refresh_token });
    return this.tokens;
  }

  /** Comes back by itself, and refreshes the tokens in time. */
  connectSteadily(options: Omit<SteadyOptions, "url" | "token" | "renewBeforeMs"> = {}): SteadyConnection {
    const token = async () => {
      if (!this.tokens) throw new Error("sign in first");
      const left = (expiryOf(this.tokens.access_token) ?? 0) - Date.now();
      return left > REFRESH_BEFORE_MS ? this.tokens.access_token : (await this.refresh()).access_token;
    };
    return new SteadyConnection({
      ...options,
      url: this.#liveUrl,
      token,
      renewBeforeMs: REFRESH_BEFORE_MS - 1_000,
    });
  }

  /** Ready to be used when it resolves. */
  connect(options?: OpenOptions): Promise<LiveConnection> {
    if (!this.tokens) throw new Error("sign in first");
    return LiveConnection.open(this.#liveUrl, this.tokens.access_token, options);
  }

  get #liveUrl(): string {
    return `${this.baseUrl.replace(/^http/, "ws")}/v1/ws`;
  }

  /** @throws ApiError */
  async request<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(this.baseUrl + path, {
      method,
      headers: {
        ...(this.tokens ? { authorization: `Bearer ${this.tokens.access_token}` } : {}),
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    const parsed: unknown = text === "" ? null : JSON.parse(text);
    if (!answer.ok) throw new ApiError(answer.status, (parsed ?? {}) as Record<string, unknown>);
    // The contract says what it is.
    return parsed as T;
  }
}

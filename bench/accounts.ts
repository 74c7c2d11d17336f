// People on a Veche that is measured, with as little asking as possible.
import { AccessTokens } from "../lib/access-tokens.ts";
import type { Caller } from "../lib/contract.ts";
import { newSessionId, newUserId } from "../lib/ids.ts";
import { secretKeyRing } from "../lib/keys.ts";

/** What a target signs its tokens with, so that a bench can sign some too. */
export const JWT_SECRET = "the access tokens of the benches are signed with this";

const tokens = new AccessTokens(secretKeyRing(JWT_SECRET));
const HOURS = 3_600;

/** Of a user whom nobody registered: enough for a connection. */
export const tokenOfNobody = (): string =>
  tokenOf({ id: newUserId(), sessionId: newSessionId(), role: "user" });

const tokenOf = (caller: Caller): string => tokens.sign(caller, 2 * HOURS);

export interface Person {
  id: string;
  token: string;
}

export async function register(url: string, count: number): Promise<Person[]> {
  const people: Person[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = `bench${process.pid}x${Date.now()}x${i}`;
    const body = { email: `${name}@example.com`, password: "correct horse" };
    const { user_id, access_token } = await post<{ user_id: string; access_token: string }>(
      `${url}/v1/register`,
      body,
    );
    people.push({ id: user_id, token: access_token });
  }
  return people;
}

export async function openChat(url: string, ann: Person, bob: Person): Promise<string> {
  const { chat_id } = await post<{ chat_id: string }>(
    `${url}/v1/chats`,
    { participant_id: bob.id },
    ann.token,
  );
  return chat_id;
}

/** A room with all of them; the first owns it. */
export async function openRoom(url: string, people: Person[]): Promise<string> {
  const [owner, ...others] = people;
  const name = `bench ${Date.now() % 1e9}`;
  const { id } = await post<{ id: string }>(`${url}/v1/rooms`, { name }, owner?.token);
  for (const { token } of others) await post(`${url}/v1/rooms/${id}/join`, {}, token);
  return id;
}

/** @throws Error for any answer that is no 2xx */
async function post<T>(url: string, body: object, token?: string): Promise<T> {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  // What the route's contract promises.
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

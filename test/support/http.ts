// Speaks to Veche as a client does: JSON in, status and JSON out. What `/v1` answers must be as its document says.
import { expectDocumented } from "./openapi.ts";

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface SignedUp {
  userId: string;
  email: string;
  password: string;
  accessToken: string;
  refreshToken: string;
}

interface Options {
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

export async function request<T = Record<string, unknown>>(
  baseUrl: string,
  method: string,
  path: string,
  { token, body, headers = {} }: Options = {},
): Promise<Answer<T>> {
  const answer = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  const { status, headers: answered } = answer;
  const parsed: unknown = text === "" ? null : JSON.parse(text);
  if (path.startsWith("/v1/")) {
    await expectDocumented(baseUrl, method, path, { status, headers: answered, body: parsed });
  }
  return { status, headers: answered, body: parsed as T };
}

let count = 0;
/** Distinct within a run, also of several test files at once. */
export const uniqueName = (prefix = "u") =>
  `${prefix}${process.pid.toString(36)}${(count++).toString(36)}${Math.random().toString(36).slice(2, 6)}`;

export async function signUp(baseUrl: string, more: Record<string, unknown> = {}): Promise<SignedUp> {
  const email = `${uniqueName()}@example.com`;
  const password = "correct horse";
  const { status, body } = await request<Record<string, string>>(baseUrl, "POST", "/v1/register", {
    body: { email, password, ...more },
  });
  if (status !== 201) throw new Error(`register answered ${status}: ${JSON.stringify(body)}`);
  return {
    userId: String(body.user_id),
    email,
    password,
    accessToken: String(body.access_token),
    refreshToken: String(body.refresh_token),
  };
}

// Speaks to Veche as a client does: JSON in, status and JSON out. What `/v1` answers must be as its document says.
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { text as textOf } from "node:stream/consumers";
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
    signal: AbortSignal.timeout(60_000),
  });
  const streams = isStream(answer.headers.get("content-type"));
  if (streams) await answer.body?.cancel();
  const text = streams ? "" : await answer.text();
  const { status, headers: answered } = answer;
  const parsed = parsedBody(answer.headers.get("content-type"), text);
  if (path.startsWith("/v1/")) {
    await expectDocumented(baseUrl, method, path, { status, headers: answered, body: parsed });
  }
  return { status, headers: answered, body: parsed as T };
}

/** Some of the older dialects say in plain text what is wrong. */
const parsedBody = (type: string | null | undefined, text: string): unknown => {
  if (text === "") return null;
  return type?.startsWith("text/plain") ? text : JSON.parse(text);
};

/** It has no end, or is no text: that it began is the answer. */
const isStream = (type: string | null | undefined) => /^(text\/event-stream|image\/)/.test(type ?? "");

export interface Verbatim {
  method: string;
  /** Path and query. */
  target: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

export interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown> | null;
}

const agent = new Agent({ keepAlive: true, timeout: 5_000 });

/** As `request`, but what goes out is not normalized, and what comes is not looked at. @param within milliseconds */
export async function requestVerbatim(
  baseUrl: string,
  { method, target, body, headers = {} }: Verbatim,
  within: number,
): Promise<Received> {
  const { hostname, port } = new URL(baseUrl);
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const signal = AbortSignal.timeout(within);
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      hostname,
      port,
      method,
      path: target,
      headers: { ...length, ...headers },
      signal,
    };
    const outgoing = httpRequest(options, (answer) => {
      const { statusCode: status = 0, headers: answered } = answer;
      if (isStream(answered["content-type"])) {
        answer.destroy();
        return resolve({ status, headers: answered, body: null });
      }
      textOf(answer)
        .then((text) => {
          const body = parsedBody(answered["content-type"], text) as Received["body"];
          resolve({ status, headers: answered, body });
        })
        .catch(reject);
    });
    outgoing.on("error", reject).end(body);
  });
}

/**
 * Writes bytes to the server and reads until it closes.
 * @param open whether this side stays open, as if more were to come
 * @param within milliseconds
 */
export function exchangeBytes(
  baseUrl: string,
  bytes: string,
  open: boolean,
  within: number,
): Promise<string> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(Number(port), hostname, () => (open ? socket.write(bytes) : socket.end(bytes)));
    const timer = setTimeout(() => socket.destroy(new Error(`still open, after ${received}`)), within);
    socket.setEncoding("utf8").on("data", (text) => {
      received += text;
    });
    socket.on("error", reject).on("close", () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
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

/** Requests to one server, by somebody signed in or with a token of one's own. @param baseUrl asked each time: it may start later */
export const clientOf =
  (baseUrl: () => string) =>
  <T = Record<string, unknown>>(
    method: string,
    path: string,
    user?: SignedUp | string,
    body?: unknown,
  ): Promise<Answer<T>> =>
    request<T>(baseUrl(), method, path, { token: typeof user === "object" ? user.accessToken : user, body });

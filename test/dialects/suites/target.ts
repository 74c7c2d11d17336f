// What the suites of the dialects speak to: Veche in this process, or a gateway of a cluster; and how they speak.
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { text as textOf } from "node:stream/consumers";
import type { Dialect } from "../../../lib/dialects.ts";
import { uniqueName } from "../../support/http.ts";
import { expectDocumented } from "../../support/openapi.ts";

/** Started before its first test runs. */
export interface Target {
  baseUrl(): string;
  makeAdmin(email: string): Promise<void>;
}

export interface Heard {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Parsed where it is JSON; else empty. What is in it each test says by what it expects. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of any form, looked into by tests
  body: any;
}

export interface Spoken {
  /** Of `Authorization`, whole: some of the documents send no `Bearer`. */
  authorization?: string;
  cookie?: string;
  headers?: Record<string, string>;
  /** Sent as it is where it is text. */
  body?: object | string | FormData;
}

const agent = new Agent({ keepAlive: true });

/**
 * A client of one dialect, whose answers are held against the document of that dialect alone. As `curl -d` does, it says of a
 * body that it is a form where nothing else is said, and it sends one with GET too.
 */
export const clientOf =
  (target: Target, dialect: Dialect) =>
  async (
    method: string,
    path: string,
    { authorization, cookie, headers, body }: Spoken = {},
  ): Promise<Heard> => {
    const { bytes, type } = await encoded(body);
    const answer = await exchange(target.baseUrl(), method, path, bytes, {
      accept: "*/*",
      ...(bytes === undefined ? {} : { "content-type": type, "content-length": String(bytes.length) }),
      ...(authorization === undefined ? {} : { authorization }),
      ...(cookie === undefined ? {} : { cookie }),
      ...headers,
    });
    const known = new Headers(answer.headers as Record<string, string>);
    const said = { status: answer.status, headers: known, body: answer.body };
    // A slash at the end makes no other path.
    await expectDocumented(target.baseUrl(), method, path.replace(/\/(?=\?|$)/, ""), said, dialect);
    return answer;
  };

async function encoded(body: Spoken["body"]): Promise<{ bytes?: Buffer; type: string }> {
  if (body instanceof FormData) {
    const form = new Response(body);
    return { bytes: Buffer.from(await form.arrayBuffer()), type: form.headers.get("content-type") ?? "" };
  }
  const type = "application/x-www-form-urlencoded";
  if (body === undefined) return { type };
  return { bytes: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), type };
}

function exchange(
  baseUrl: string,
  method: string,
  path: string,
  body: Buffer | undefined,
  headers: Record<string, string>,
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(60_000);
    const outgoing = httpRequest(`${baseUrl}${path}`, { agent, method, headers, signal }, (answer) => {
      const { statusCode: status = 0, headers: answered } = answer;
      textOf(answer)
        .then((text) => {
          const isJson = answered["content-type"]?.includes("json") === true;
          resolve({ status, headers: answered, text, body: isJson ? JSON.parse(text) : text });
        })
        .catch(reject);
    });
    outgoing.on("error", reject).end(body);
  });
}

export const newEmail = () => `${uniqueName()}@example.com`;

export const imageForm = (
  field: string,
  image: Buffer,
  type = "image/jpeg",
  fields: Record<string, string> = {},
) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append(field, new Blob([new Uint8Array(image)], { type }), "picture");
  return form;
};

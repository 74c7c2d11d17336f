/** The frames that clients send, and the gateway's answers. Others come as the services made them, by their contracts. */
import { randomUUID } from "node:crypto";
import type { Logger } from "moleculer";
import { z } from "zod";
import type { Caller } from "../../../lib/contract.ts";
import { type ErrorCode, invalidArgument, STATUS } from "../../../lib/errors.ts";
import { type ConversationId, ConversationIdSchema } from "../../../lib/ids.ts";
import { MessageText, Nonce } from "../../chat/chat.contract.ts";
import { stackOf, toProblem } from "../problem.ts";

const conversation = ConversationIdSchema;

export const clientFrames = {
  auth: z
    .strictObject({ op: z.literal("auth"), token: z.string().min(1).describe("an access token") })
    .describe("Says who one is; also with a new token, before the one in use ends"),
  subscribe: z
    .strictObject({
      op: z.literal("subscribe"),
      conversation,
      after: z.int().min(0).optional().describe("the last seq that the client has"),
    })
    .describe("Asks for what comes after `after`, then what is new; without `after` only for what is new"),
  unsubscribe: z.strictObject({ op: z.literal("unsubscribe"), conversation }).describe("Ends a subscription"),
  send: z
    .strictObject({ op: z.literal("send"), conversation, text: MessageText, nonce: Nonce })
    .describe("Writes a message. Sent again under the same nonce, it is written once"),
  read: z
    .strictObject({ op: z.literal("read"), conversation, seq: z.int().min(0) })
    .describe("Everything up to `seq` was read. Not acknowledged"),
  typing: z
    .strictObject({ op: z.literal("typing"), conversation })
    .describe("The user is writing something, in a conversation that is subscribed to. Not acknowledged"),
  ping: z.strictObject({ op: z.literal("ping") }).describe("Is answered"),
};

export const ClientFrame = z.discriminatedUnion("op", [
  clientFrames.auth,
  clientFrames.subscribe,
  clientFrames.unsubscribe,
  clientFrames.send,
  clientFrames.read,
  clientFrames.typing,
  clientFrames.ping,
]);

export type ClientFrame = z.output<typeof ClientFrame>;
export type FrameOf<Op extends ClientFrame["op"]> = Extract<ClientFrame, { op: Op }>;

/** What of a frame its error names, so that the client knows which one went wrong. */
export interface About {
  nonce?: string;
  conversation?: ConversationId;
  of?: ClientFrame["op"];
}

/** @throws INVALID_ARGUMENT */
export function parseFrame(text: string): ClientFrame {
  const parsed = ClientFrame.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw invalidArgument(
    errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; "),
  );
}

const OPS = Object.keys(clientFrames) as ClientFrame["op"][];

const Named = z.object({
  nonce: Nonce.optional().catch(undefined),
  conversation: ConversationIdSchema.optional().catch(undefined),
  op: z.enum(OPS).optional().catch(undefined),
});

/** Also of a frame that is otherwise wrong. */
export function aboutOf(text: string): About {
  const named = Named.safeParse(parseJson(text));
  if (!named.success) return {};
  const { op: of, ...about } = named.data;
  return of ? { ...about, of } : about;
}

const id = z.string();
const seq = z.int().min(0);

/** The frames that the gateway itself makes. */
export const gatewayFrames = {
  ready: z
    .object({ op: z.literal("ready"), user_id: id, session_id: id, heartbeat_ms: z.int() })
    .describe("The token is good"),
  subscribed: z
    .object({ op: z.literal("subscribed"), conversation: id, seq: seq.describe("how far the log goes") })
    .describe("What comes after `after` follows, then what is new"),
  unsubscribed: z
    .object({
      op: z.literal("unsubscribed"),
      conversation: id,
      ended: z
        .boolean()
        .optional()
        .describe("by the server: the user is no longer a member, or the conversation is gone"),
    })
    .describe("Nothing more comes: it was asked for, the user is no longer a member, or the room is gone"),
  ack: z
    .object({ op: z.literal("ack"), conversation: id, nonce: Nonce, seq, sent_at_unix_ms: z.int() })
    .describe("The message is kept"),
  pong: z.object({ op: z.literal("pong") }).describe("The answer to a ping"),
  session_revoked: z
    .object({ op: z.literal("session_revoked") })
    .describe("The session has ended, and so does the connection"),
  error: z
    .object({
      op: z.literal("error"),
      code: z.enum(Object.keys(STATUS) as ErrorCode[]),
      message: z.string().describe("for people"),
      nonce: Nonce.optional().describe("of what went wrong"),
      conversation: id.optional().describe("of what went wrong"),
      of: z.string().optional().describe("the op of what went wrong"),
      retry_after: z.int().optional().describe("seconds"),
      request_id: z
        .string()
        .optional()
        .describe("of what went wrong on the server's side, for its operators"),
    })
    .describe("A frame was refused, or could not be served. The connection stays"),
};

type GatewayFrame = z.input<(typeof gatewayFrames)[keyof typeof gatewayFrames]>;

const encoded = (frame: GatewayFrame): string => JSON.stringify(frame);

export const readyFrame = ({ id, sessionId }: Caller, heartbeat_ms: number): string =>
  encoded({ op: "ready", user_id: id, session_id: sessionId, heartbeat_ms });

export const subscribedFrame = (id: ConversationId, seq: number): string =>
  encoded({ op: "subscribed", conversation: id, seq });

/** @param ended by the server: the user is no longer a member, or the conversation is gone */
export const unsubscribedFrame = (id: ConversationId, ended = false): string =>
  encoded({ op: "unsubscribed", conversation: id, ...(ended ? { ended } : {}) });

export const ackFrame = (
  conversation: ConversationId,
  nonce: string,
  { seq, sent_at_unix_ms }: { seq: number; sent_at_unix_ms: number },
): string => encoded({ op: "ack", conversation, nonce, seq, sent_at_unix_ms });

export const PONG = encoded({ op: "pong" });
export const SESSION_REVOKED = encoded({ op: "session_revoked" });

/** @param logger is told of what is not the client's doing */
export function errorFrame(error: unknown, about: About, logger: Pick<Logger, "error">): string {
  const { code, detail, extensions, unexpected } = toProblem(error);
  const { retry_after } = extensions;
  const request_id = unexpected ? randomUUID() : undefined;
  if (request_id) logger.error({ request_id, stack: stackOf(error) }, "A frame could not be served.");
  return encoded({
    op: "error",
    // The others of a problem's codes are of HTTP, and nothing behind a WebSocket throws them.
    code: code as ErrorCode,
    message: detail,
    ...about,
    ...(typeof retry_after === "number" ? { retry_after } : {}),
    ...(request_id ? { request_id } : {}),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The frames that clients send and the gateway's answers. Entries of the log come as the chat service made them. */
import { z } from "zod";
import type { Caller } from "../../../lib/contract.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { type ConversationId, ConversationIdSchema, type UserId } from "../../../lib/ids.ts";
import { MessageText, Nonce } from "../../chat/chat.contract.ts";
import { toProblem } from "../problem.ts";

const conversation = ConversationIdSchema;

export const ClientFrame = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("auth"), token: z.string().min(1) }),
  z.strictObject({
    op: z.literal("subscribe"),
    conversation,
    after: z.int().min(0).optional().describe("the last seq that the client has"),
  }),
  z.strictObject({ op: z.literal("unsubscribe"), conversation }),
  z.strictObject({ op: z.literal("send"), conversation, text: MessageText, nonce: Nonce }),
  z.strictObject({ op: z.literal("read"), conversation, seq: z.int().min(0) }),
  z.strictObject({ op: z.literal("typing"), conversation }),
  z.strictObject({ op: z.literal("ping") }),
]);

export type ClientFrame = z.output<typeof ClientFrame>;
export type FrameOf<Op extends ClientFrame["op"]> = Extract<ClientFrame, { op: Op }>;

/** What of a frame its error names, so that the client knows which one went wrong. */
export interface About {
  nonce?: string;
  conversation?: ConversationId;
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

const Named = z.object({
  nonce: Nonce.optional().catch(undefined),
  conversation: ConversationIdSchema.optional().catch(undefined),
});

/** Also of a frame that is otherwise wrong. */
export function aboutOf(text: string): About {
  const named = Named.safeParse(parseJson(text));
  return named.success ? named.data : {};
}

export const readyFrame = ({ id, sessionId }: Caller, heartbeat_ms: number): string =>
  JSON.stringify({ op: "ready", user_id: id, session_id: sessionId, heartbeat_ms });

export const subscribedFrame = (id: ConversationId, seq: number): string =>
  JSON.stringify({ op: "subscribed", conversation: id, seq });

export const unsubscribedFrame = (id: ConversationId): string =>
  JSON.stringify({ op: "unsubscribed", conversation: id });

export const ackFrame = (nonce: string, seq: number, sent_at_unix_ms: number): string =>
  JSON.stringify({ op: "ack", nonce, seq, sent_at_unix_ms });

export const typingFrame = (id: ConversationId, user_id: UserId): string =>
  JSON.stringify({ op: "typing", conversation: id, user_id });

export const PONG = JSON.stringify({ op: "pong" });
export const SESSION_REVOKED = JSON.stringify({ op: "session_revoked" });

export function errorFrame(error: unknown, about: About = {}): string {
  const { code, detail, extensions } = toProblem(error);
  const { retry_after } = extensions;
  return JSON.stringify({ op: "error", code, message: detail, ...about, retry_after });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What carries entries from who writes them to the gateways that have somebody listening. At most once: who needs all mends. */
import type { ConversationId, UserId } from "../../lib/ids.ts";

export type Subject = `conversation.${ConversationId}` | `user.${UserId}`;
export type SubjectKind = "conversation" | "user";

export const conversationSubject = (id: ConversationId): Subject => `conversation.${id}`;
export const userSubject = (id: UserId): Subject => `user.${id}`;

export const kindOf = (subject: Subject): SubjectKind =>
  subject.startsWith("user.") ? "user" : "conversation";

export type Listener = (message: string) => void;

export interface BusSubscription {
  /** From then on nothing is missed, but for what `onReconnected` tells of. Never rejects. */
  ready: Promise<void>;
  close(): void;
}

export interface RealtimeBus {
  /** Never throws and never waits: what can't be sent now is lost. */
  publish(subject: Subject, message: string): void;
  subscribe(subject: Subject, listener: Listener): BusSubscription;
  /** Calls back when a lost connection is back and all subscriptions are in force again: what was published meanwhile is lost. */
  onReconnected(listener: () => void): () => void;
  close(): Promise<void>;
}

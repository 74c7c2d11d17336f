/** A subscription that outlives a single connection. */
import type { Message } from "../../services/chat/chat.contract.ts";
import type { Callbacks, Deleted, Edited } from "./frames.ts";

export interface Following {
  readonly conversation: string;
  /** The last one shown; undefined while only what is new is wanted and nothing is known yet. */
  seq: number | undefined;
  readonly show: Callbacks;
  onRefused(error: Error): void;
}

interface Fate {
  /** Whether it is followed still: it may be given up, or replaced, while a connection still shows it. */
  isWanted(): boolean;
  onShown(seq: number): void;
  onEnded(): void;
}

/** Those callbacks, called as long as the subscription is wanted. */
export function shownWhile({ isWanted, onShown, onEnded }: Fate, given: Callbacks): Callbacks {
  const entry =
    <E extends { seq: number }>(show: (entry: E) => void) =>
    (entry: E) => {
      if (!isWanted()) return;
      onShown(entry.seq);
      show(entry);
    };
  return {
    onMessage: entry((message: Message) => given.onMessage(message)),
    onEdited: entry((edited: Edited) => given.onEdited?.(edited)),
    onDeleted: entry((deleted: Deleted) => given.onDeleted?.(deleted)),
    onRead: (read) => isWanted() && given.onRead?.(read),
    onTyping: (typing) => isWanted() && given.onTyping?.(typing),
    onEnded: () => {
      if (!isWanted()) return;
      onEnded();
      given.onEnded?.();
    },
  };
}

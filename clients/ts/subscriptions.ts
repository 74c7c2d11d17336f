/**
 * What one connection follows. An entry, or an answer, does not say which of two subscribes of a conversation it belongs to, and one
 * that is overtaken by another may get no answer at all. So one at a time is under way; the next one, if any is wanted by then, is
 * asked for behind its answer. What comes before the answer to the one that is wanted belongs to an older one, and is not shown.
 */
import type { Message } from "../../services/chat/chat.contract.ts";
import { type Callbacks, type Deleted, type Edited, type Frame, type FrameError, keptId } from "./frames.ts";

interface Following {
  after: number | undefined;
  /** The last one shown. */
  seq: number;
  show: Callbacks;
  /** Whether the server has confirmed it. */
  confirmed: boolean;
  resolve(tail: number): void;
  reject(error: Error): void;
}

interface Followed {
  /** The newest; undefined when it was given up before the one under way was answered. */
  wanted: Following | undefined;
  /** Whose answer is to come. */
  asked: Following | undefined;
}

export class Subscriptions {
  readonly #followed = new Map<string, Followed>();
  readonly #push: (frame: Frame) => void;

  /** @param push does nothing where the connection is ending */
  constructor(push: (frame: Frame) => void) {
    this.#push = push;
  }

  /** @returns the seq that the conversation had reached */
  add(conversation: string, show: Callbacks, after: number | undefined): Promise<number> {
    const id = keptId(conversation);
    const followed = this.#followed.get(id) ?? { wanted: undefined, asked: undefined };
    followed.wanted?.reject(new Error("another subscription took its place"));
    this.#followed.set(id, followed);
    return new Promise((resolve, reject) => {
      followed.wanted = { after, seq: after ?? 0, show, confirmed: false, resolve, reject };
      if (!followed.asked) this.#ask(id, followed, followed.wanted);
    });
  }

  remove(conversation: string): void {
    const id = keptId(conversation);
    const followed = this.#followed.get(id);
    followed?.wanted?.reject(new Error("it was unsubscribed from"));
    if (followed?.asked) followed.wanted = undefined;
    else this.#leave(id);
  }

  /** The last one shown; 0 for none. */
  lastSeen(conversation: string): number {
    return this.#followed.get(keptId(conversation))?.wanted?.seq ?? 0;
  }

  /** The callbacks of what is followed now. */
  showing(id: string): Callbacks | undefined {
    return this.#confirmed(id)?.show;
  }

  show(id: string, { op, ...entry }: Frame): void {
    const following = this.#confirmed(id);
    const seq = Number(entry.seq);
    if (!following || seq <= following.seq) return;
    following.seq = seq;
    // The gateway says by `op` which one it is.
    if (op === "message") following.show.onMessage(entry as unknown as Message);
    else if (op === "edited") following.show.onEdited?.(entry as unknown as Edited);
    else following.show.onDeleted?.(entry as unknown as Deleted);
  }

  confirm(id: string, tail: number): void {
    const followed = this.#followed.get(id);
    const asked = followed?.asked;
    if (!followed || !asked) return;
    followed.asked = undefined;
    if (followed.wanted === undefined) this.#leave(id);
    else if (followed.wanted !== asked) this.#ask(id, followed, followed.wanted);
    else {
      asked.confirmed = true;
      asked.resolve(tail);
    }
  }

  refuse(id: string, error: FrameError): void {
    const followed = this.#followed.get(id);
    if (!followed) return;
    const { asked, wanted } = followed;
    followed.asked = undefined;
    if (wanted && asked && wanted !== asked) {
      this.#ask(id, followed, wanted);
      return;
    }
    this.#followed.delete(id);
    if (asked) wanted?.reject(error);
    // It was confirmed, and then its backlog could not be read.
    else wanted?.show.onFailed?.(error);
  }

  /** By the server. */
  end(id: string): void {
    const following = this.#confirmed(id);
    // Otherwise it crossed a new subscription on its way.
    if (!following) return;
    this.#followed.delete(id);
    following.show.onEnded?.();
  }

  fail(error: Error): void {
    for (const { wanted } of this.#followed.values()) wanted?.reject(error);
  }

  #confirmed(id: string): Following | undefined {
    const following = this.#followed.get(id)?.wanted;
    return following?.confirmed ? following : undefined;
  }

  #ask(conversation: string, followed: Followed, following: Following): void {
    followed.asked = following;
    this.#push({ op: "subscribe", conversation, after: following.after });
  }

  #leave(conversation: string): void {
    this.#followed.delete(conversation);
    this.#push({ op: "unsubscribe", conversation });
  }
}

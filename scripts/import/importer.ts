/** Takes over one batch of records after the other: asks for their ids, has them made, and notes what became of each. */
import type { RecordKind } from "../../services/imports/imports.contract.ts";
import { importChats, importRooms } from "./conversations.ts";
import { Directory } from "./directory.ts";
import type { FirstTimes } from "./first-times.ts";
import { importLog } from "./log-entries.ts";
import type { Entry } from "./parsing.ts";
import type { OldRecord } from "./records.ts";
import type { Calls } from "./remote.ts";
import type { Fate } from "./tally.ts";

/** Told what became of each entry. */
export interface Outcomes {
  settle(entry: Entry, fate: Exclude<Fate, "refused">): void;
  refuse(entry: Entry, reason: string): void;
  nicknameTaken(): void;
  /** A message stands at a later time than it says. */
  retimed(): void;
}

export type Kind = OldRecord["kind"];
export type Of<K extends Kind> = Extract<OldRecord, { kind: K }>;

/** An entry that is well-formed. */
export interface AnyItem {
  entry: Entry;
  record: OldRecord;
}

export interface Item<K extends Kind> {
  entry: Entry;
  record: Of<K>;
}

/** What a maker answers for each. `id` where it is not the reserved one. */
export interface Made {
  outcome: Fate;
  reason?: string | undefined;
  id?: string;
}

/** Kinds that go together: a batch is of one stage, since what comes later refers to what came before. */
export const STAGE_OF: Record<Kind, string> = {
  user: "users",
  profile: "profiles",
  room: "rooms",
  chat: "chats",
  member: "log",
  message: "log",
  tie: "ties",
  post: "posts",
  nothing: "nothing",
};

export const NO_USER = "its user was not imported, or has been deleted";

export class Importer {
  readonly calls: Calls;
  readonly system: string;
  readonly directory: Directory;
  readonly outcomes: Outcomes;
  readonly firstTimes: FirstTimes;

  constructor(calls: Calls, system: string, outcomes: Outcomes, firstTimes: FirstTimes) {
    this.calls = calls;
    this.system = system;
    this.directory = new Directory(calls, system);
    this.outcomes = outcomes;
    this.firstTimes = firstTimes;
  }

  /** @param entries at most 1000, of one stage. Can be repeated */
  async take(entries: Entry[]): Promise<void> {
    const items: AnyItem[] = [];
    for (const entry of entries) {
      if ("problem" in entry.parsed) this.outcomes.refuse(entry, entry.parsed.problem);
      else items.push({ entry, record: entry.parsed.record });
    }
    for (const item of all(items, "nothing")) this.outcomes.settle(item.entry, "there");
    await this.#users(all(items, "user"));
    await this.#profiles(all(items, "profile"));
    await importRooms(this, all(items, "room"));
    await importChats(this, all(items, "chat"));
    await importLog(this, items);
    await this.#ties(all(items, "tie"));
    await this.#posts(all(items, "post"));
  }

  /**
   * Has made what was not made before.
   * @param make gets each with the id that is reserved for it, and answers in their order
   */
  async once<K extends Kind>(
    kind: RecordKind,
    items: Item<K>[],
    keyOf: (record: Of<K>) => string,
    make: (wanted: { record: Of<K>; id: string }[]) => Promise<Made[]>,
  ): Promise<void> {
    if (items.length === 0) return;
    const { calls, system } = this;
    const keys = items.map(({ record }) => keyOf(record));
    const { records } = await calls("v1.imports.reserve", { system, kind, keys });
    const wanted = new Map<string, { entry: Entry; record: Of<K>; id: string }>();
    for (const [i, { entry, record }] of items.entries()) {
      const key = keys[i] ?? "";
      const { id = "", done = false } = records[i] ?? {};
      // One that stands twice among these is made once.
      if (done || wanted.has(key)) this.outcomes.settle(entry, "there");
      else wanted.set(key, { entry, record, id });
    }
    if (wanted.size === 0) return;
    const made = await make([...wanted.values()]);
    const complete: { key: string; id?: string }[] = [];
    for (const [i, [key, { entry }]] of [...wanted].entries()) {
      const { outcome, reason = "", id } = made[i] ?? { outcome: "refused" };
      if (outcome === "refused") this.outcomes.refuse(entry, reason);
      else {
        complete.push({ key, ...(id === undefined ? {} : { id }) });
        this.outcomes.settle(entry, outcome);
      }
    }
    if (complete.length > 0) await calls("v1.imports.complete", { system, kind, made: complete });
  }

  async #users(items: Item<"user">[]): Promise<void> {
    await this.once(
      "user",
      items,
      ({ id }) => id,
      async (wanted) => {
        const accounts = wanted.map(({ id, record: { kind: _kind, id: _id, ...account } }) => ({
          user_id: id,
          ...account,
        }));
        const { outcomes } = await this.calls("v1.auth.importAccounts", { accounts });
        for (const [i, { outcome, nickname_taken }] of outcomes.entries()) {
          const user = wanted[i];
          if (outcome === "made" && user) this.directory.remember("user", user.record.id, user.id);
          if (nickname_taken) this.outcomes.nicknameTaken();
        }
        return outcomes;
      },
    );
  }

  async #profiles(items: Item<"profile">[]): Promise<void> {
    const users = await this.directory.find(
      "user",
      items.map(({ record }) => record.user),
    );
    const known = this.refuseUnknown(items, ({ user }) => users.has(user), NO_USER);
    await this.once(
      "profile",
      known,
      ({ user }) => user,
      async (wanted) => {
        const profiles = wanted.map(({ record: { user, profile } }) => ({
          user_id: users.get(user) ?? "",
          ...profile,
        }));
        const answer = await this.calls("v1.users.importProfiles", { profiles });
        for (const { nickname_taken } of answer.profiles) if (nickname_taken) this.outcomes.nicknameTaken();
        return wanted.map(() => ({ outcome: "made" }));
      },
    );
  }

  async #ties(items: Item<"tie">[]): Promise<void> {
    const users = await this.directory.find(
      "user",
      items.flatMap(({ record: { from, to } }) => [from, to]),
    );
    const known = this.refuseUnknown(items, ({ from, to }) => users.has(from) && users.has(to), NO_USER);
    const others = this.refuseUnknown(known, ({ from, to }) => from !== to, "it is of a user with itself");
    // A friendship has no direction.
    const keyOf = ({ tie, from, to }: Of<"tie">) =>
      keyBetween(tie, ...(tie === "friends" ? [from, to].sort() : [from, to]));
    await this.once("tie", others, keyOf, async (wanted) => {
      const ties = wanted.map(({ record: { tie, from, to, since } }) => ({
        ...{ tie, since },
        from: users.get(from) ?? "",
        to: users.get(to) ?? "",
      }));
      return (await this.calls("v1.social.importTies", { ties })).outcomes;
    });
  }

  async #posts(items: Item<"post">[]): Promise<void> {
    const users = await this.directory.find(
      "user",
      items.map(({ record }) => record.author),
    );
    const known = this.refuseUnknown(items, ({ author }) => users.has(author), NO_USER);
    await this.once(
      "post",
      known,
      ({ id }) => id,
      async (wanted) => {
        const posts = wanted.map(({ id, record: { author, text, created_at } }) => ({
          ...{ id, text, created_at },
          author: users.get(author) ?? "",
        }));
        return (await this.calls("v1.posts.importPosts", { posts })).outcomes;
      },
    );
  }

  /** @returns those that are left */
  refuseUnknown<K extends Kind>(
    items: Item<K>[],
    known: (record: Of<K>) => boolean,
    reason: string,
  ): Item<K>[] {
    for (const { entry, record } of items) if (!known(record)) this.outcomes.refuse(entry, reason);
    return items.filter(({ record }) => known(record));
  }
}

/** What lies between ids is known by all of them, which can have colons too. */
export const keyBetween = (...parts: string[]): string =>
  parts.map((part) => part.replace(/[%:]/g, encodeURIComponent)).join(":");

export const all = <K extends Kind>(items: AnyItem[], kind: K): Item<K>[] =>
  // The types can't tell that what has the kind is of it, with the kind a parameter.
  items.filter(({ record }) => record.kind === kind) as unknown as Item<K>[];

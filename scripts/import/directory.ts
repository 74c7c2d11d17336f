/** Who and what the older system's ids are here. Remembers the last ones that were asked for, in bounded memory. */
import { LRUCache } from "lru-cache";
import type { RecordKind } from "../../services/imports/imports.contract.ts";
import type { Calls } from "./remote.ts";

const REMEMBERED = 50_000;
const AT_ONCE = 1_000;

type Kind = Extract<RecordKind, "user" | "room" | "chat">;

export class Directory {
  readonly #calls: Calls;
  readonly #system: string;
  readonly #known = new LRUCache<string, string>({ max: REMEMBERED });

  constructor(calls: Calls, system: string) {
    this.#calls = calls;
    this.#system = system;
  }

  remember(kind: Kind, oldId: string, id: string): void {
    this.#known.set(`${kind}.${oldId}`, id);
  }

  /** @returns the new ids; without what was not imported, and what is gone again */
  async find(kind: Kind, oldIds: Iterable<string>): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const unknown: string[] = [];
    for (const oldId of new Set(oldIds)) {
      const known = this.#known.get(`${kind}.${oldId}`);
      if (known === undefined) unknown.push(oldId);
      else found.set(oldId, known);
    }
    for (let i = 0; i < unknown.length; i += AT_ONCE) {
      for (const [oldId, id] of await this.#ask(kind, unknown.slice(i, i + AT_ONCE))) {
        this.remember(kind, oldId, id);
        found.set(oldId, id);
      }
    }
    return found;
  }

  async #ask(kind: Kind, keys: string[]): Promise<[oldId: string, id: string][]> {
    const { ids } = await this.#calls("v1.imports.find", { system: this.#system, kind, keys });
    const made = keys.flatMap((key, i): [string, string][] => {
      const id = ids[i];
      return typeof id === "string" ? [[key, id]] : [];
    });
    if (made.length === 0) return [];
    const there = await this.#stillThere(
      kind,
      made.map(([, id]) => id),
    );
    return made.filter(([, id]) => there.has(id));
  }

  /** Of a chat one of its two is there, or nobody sends anything. */
  async #stillThere(kind: Kind, ids: string[]): Promise<Set<string>> {
    if (kind === "user") {
      return new Set((await this.#calls("v1.auth.listActive", { user_ids: ids })).user_ids);
    }
    if (kind === "chat") return new Set(ids);
    const rooms = await Promise.all(
      ids.map(async (id) => {
        // Who it asks about does not matter.
        const { room } = await this.#calls("v1.rooms.checkMembers", { id, user_ids: ["0"] });
        return room ? [id] : [];
      }),
    );
    return new Set(rooms.flat());
  }
}

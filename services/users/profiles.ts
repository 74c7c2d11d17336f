/** Profiles: made with their accounts, shown to others, found by nickname. */
import type { z } from "zod";
import { visiblePage } from "../../lib/cursors.ts";
import { alreadyExists, DuplicateKey, notFound } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import type { PhotoUrls } from "../../lib/photo-urls.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection, Update } from "../../mixins/collection/collection.ts";
import type { Owing } from "../../mixins/durable-events/debts.ts";
import type { Profile as ProfileSchema } from "./users.contract.ts";
import type { ProfileDocument } from "./users.store.ts";

export type Profile = z.output<typeof ProfileSchema>;
type Editable = Omit<ProfileDocument, "_id" | "wish" | "created_at" | "avatar" | keyof Owing>;
/** A field that is null is cleared, one that is absent stays. */
export type ProfileChanges = { [F in keyof Editable]?: Editable[F] | null | undefined };

/** @property hiddenAmong which of some users, 100 at most, are not shown to the one who asks */
export interface WantedPage {
  limit: number;
  cursor: string | undefined;
  hiddenAmong(ids: string[]): Promise<ReadonlySet<string>>;
}

interface ProfileList {
  list: string;
  index: "nickname" | "_id";
  prefix: string;
  keyOf(row: ProfileDocument): string;
}

/** What a registration may say of it. */
interface NewProfile {
  nickname?: string | undefined;
  display_name?: string | undefined;
}

export class Profiles {
  readonly #profiles: Collection<ProfileDocument>;
  readonly #claims: Claims<ProfileDocument>;
  readonly #urls: PhotoUrls;

  constructor(profiles: Collection<ProfileDocument>, claims: Claims<ProfileDocument>, urls: PhotoUrls) {
    this.#profiles = profiles;
    this.#claims = claims;
    this.#urls = urls;
  }

  /** Can be repeated. @throws ALREADY_EXISTS where the nickname is another's; then nothing is kept */
  async prepare(id: UserId, { nickname, display_name }: NewProfile = {}): Promise<void> {
    const profile = await this.#insertOrFind(id, display_name);
    if (nickname === undefined || profile.nickname === nickname) return;
    try {
      await this.#claims.take(profile, "nickname", nickname);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  /** Sets the first nickname, and whatever else is given. @throws ALREADY_EXISTS, FAILED_PRECONDITION */
  async create(id: UserId, { nickname, ...rest }: ProfileChanges & { nickname: string }): Promise<Profile> {
    const profile = await this.#document(id);
    if (profile.nickname !== undefined) {
      throw alreadyExists("Your profile has a nickname already. Change it with PATCH.");
    }
    return this.#shown(await this.#claims.take(profile, "nickname", nickname, asUpdate(rest)));
  }

  /** Gives the names that are given once. @throws ALREADY_EXISTS the second time */
  async complete(id: UserId, names: ProfileChanges): Promise<Profile> {
    const completed = await this.#profiles.findOneAndUpdate({ _id: id, first_name: null }, asUpdate(names));
    if (completed) return this.#shown(completed);
    await this.#document(id);
    throw alreadyExists("Your profile is filled in already.");
  }

  /** @throws ALREADY_EXISTS, FAILED_PRECONDITION */
  async update(id: UserId, { nickname, ...rest }: ProfileChanges): Promise<Profile> {
    const profile = await this.#document(id);
    if (typeof nickname === "string") {
      return this.#shown(await this.#claims.take(profile, "nickname", nickname, asUpdate(rest)));
    }
    const changed = await this.#profiles.findOneAndUpdate({ _id: id }, asUpdate(rest));
    if (!changed) throw noSuchUser();
    return this.#shown(changed);
  }

  async get(id: UserId): Promise<Profile> {
    return this.#shown(await this.#document(id));
  }

  /** @param ids at most 1000; leaves out what is not there */
  async getAll(ids: UserId[]): Promise<Profile[]> {
    return (await this.#profiles.findByIds(ids)).map((row) => this.#shown(row));
  }

  async exists(id: UserId): Promise<boolean> {
    return (await this.#profiles.findById(id)) !== null;
  }

  async getByNickname(nickname: string): Promise<Profile> {
    const owner = await this.#claims.ownerOf("nickname", nickname);
    const profile = owner === undefined ? null : await this.#profiles.findById(owner);
    if (profile?.nickname !== nickname) throw noSuchUser();
    return this.#shown(profile);
  }

  /** By nickname, from the first that starts with the query on. */
  search(query: string, wanted: WantedPage) {
    const keyOf = (row: ProfileDocument) => row.nickname ?? "";
    return this.#page({ list: `search:${query}`, index: "nickname", prefix: query, keyOf }, wanted);
  }

  /** All, in the order in which they came. */
  list(wanted: WantedPage) {
    return this.#page({ list: "profiles", index: "_id", prefix: "", keyOf: (row) => row._id }, wanted);
  }

  /** Can be repeated. */
  async remove(id: UserId): Promise<void> {
    const profile = await this.#profiles.findById(id);
    if (!profile) return;
    await this.#claims.releaseAll(profile, ["nickname"]);
    await this.#profiles.deleteOne({ _id: id });
  }

  async #page({ list, index, prefix, keyOf }: ProfileList, { hiddenAmong, ...wanted }: WantedPage) {
    const { items, next_cursor } = await visiblePage<ProfileDocument>({
      ...{ list, keyOf, ...wanted },
      read: (range) => this.#profiles.page({ index, prefix, ...range }),
      visible: async (rows) => {
        const hidden = await hiddenAmong(rows.map(({ _id }) => _id));
        return rows.filter(({ _id }) => !hidden.has(_id));
      },
    });
    return { results: items.map((row) => this.#shown(row)), next_cursor };
  }

  #shown(row: ProfileDocument): Profile {
    return shown(row, this.#urls);
  }

  async #document(id: UserId): Promise<ProfileDocument> {
    const profile = await this.#profiles.findById(id);
    if (!profile) throw noSuchUser();
    return profile;
  }

  async #insertOrFind(id: UserId, display_name: string | undefined): Promise<ProfileDocument> {
    const named = display_name === undefined ? {} : { display_name };
    try {
      return await this.#profiles.insert({ _id: id, created_at: Date.now(), ...named });
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      return this.#document(id);
    }
  }
}

export const noSuchUser = () => notFound("There is no such user.");

function asUpdate(changes: Omit<ProfileChanges, "nickname">): Update<ProfileDocument> {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return {
    $set: Object.fromEntries(given.filter(([, value]) => value !== null)),
    $unset: Object.fromEntries(given.filter(([, value]) => value === null).map(([field]) => [field, true])),
  } as Update<ProfileDocument>;
}

const shown = (row: ProfileDocument, urls: PhotoUrls): Profile => ({
  id: row._id,
  nickname: row.nickname ?? null,
  display_name: row.display_name ?? null,
  bio: row.bio ?? null,
  avatar_url: row.avatar ? urls.of(row.avatar, "thumb") : (row.avatar_url ?? null),
  first_name: row.first_name ?? null,
  last_name: row.last_name ?? null,
  gender: row.gender ?? null,
  birthday: row.birthday ?? null,
  created_at_unix_ms: row.created_at,
});

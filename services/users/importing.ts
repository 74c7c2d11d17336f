/** Profiles of older systems, many at a time: with accounts that are being imported, or what such a system keeps apart from them. */
import type { z } from "zod";
import { hasCode } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import type { ImportedProfile as ImportedProfileSchema } from "./users.contract.ts";
import type { ProfileDocument } from "./users.store.ts";

type ImportedProfile = z.output<typeof ImportedProfileSchema>;

/** Nicknames that are claimed at the same time. */
const WIDTH = 64;
const ATTEMPTS = 3;

export class ImportedProfiles {
  readonly #profiles: Collection<ProfileDocument>;
  readonly #claims: Claims<ProfileDocument>;

  constructor(profiles: Collection<ProfileDocument>, claims: Claims<ProfileDocument>) {
    this.#profiles = profiles;
    this.#claims = claims;
  }

  /**
   * Makes what is missing, sets what is not set, and leaves alone what is. Can be repeated.
   * @returns whose nickname is another's: they have none; and whose profile was there before
   */
  async make(profiles: ImportedProfile[]): Promise<{ taken: Set<UserId>; amended: UserId[] }> {
    const found = await this.#profiles.findByIds(profiles.map(({ user_id }) => user_id));
    const known = new Map(found.map((profile) => [profile._id, profile]));
    const fresh = profiles.filter(({ user_id }) => !known.has(user_id)).map(documentOf);
    const { inserted } = await this.#profiles.insertMany(fresh);
    // Whoever made the others leaves them as they would have been made here.
    for (const profile of fresh.slice(0, inserted)) known.set(profile._id, profile);
    for (const profile of profiles) {
      if (found.some(({ _id }) => _id === profile.user_id)) await this.#amend(profile);
    }
    const taken = new Set<UserId>();
    const named = profiles.filter(({ nickname }) => nickname !== undefined);
    for (let i = 0; i < named.length; i += WIDTH) {
      await Promise.all(
        named.slice(i, i + WIDTH).map(async ({ user_id, nickname = "" }) => {
          if (!(await this.#name(known.get(user_id), nickname))) taken.add(user_id);
        }),
      );
    }
    return { taken, amended: found.map(({ _id }) => _id) };
  }

  /** What the user has set by now stays. */
  async #amend({
    user_id,
    nickname: _nickname,
    created_at: _created,
    ...fields
  }: ImportedProfile): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const profile = await this.#profiles.findById(user_id);
      const missing = Object.entries(fields).filter(
        ([field, value]) => value !== undefined && profile?.[field as keyof typeof fields] === undefined,
      );
      if (!profile || missing.length === 0) return;
      const unset = Object.fromEntries(missing.map(([field]) => [field, null]));
      const filter = { _id: user_id, ...unset } as Filter<ProfileDocument>;
      if (await this.#profiles.updateOne(filter, { $set: Object.fromEntries(missing) })) return;
    }
  }

  /** @returns false where the nickname is another's */
  async #name(profile: ProfileDocument | undefined, nickname: string): Promise<boolean> {
    if (!profile || profile.nickname !== undefined) return true;
    try {
      const ready = await this.#claims.endLeft(profile, "nickname", nickname);
      await this.#claims.take(ready, "nickname", nickname);
      return true;
    } catch (error) {
      if (hasCode(error, "ALREADY_EXISTS")) return false;
      throw error;
    }
  }
}

const documentOf = ({ user_id, nickname: _nickname, ...fields }: ImportedProfile): ProfileDocument => ({
  _id: user_id,
  ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  created_at: fields.created_at ?? Date.now(),
});

/** Profiles of older systems, many at a time: with accounts that are being imported, or what such a system keeps apart from them. */
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { hasCode, unavailable } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import type { Claims } from "../../mixins/claims.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import type { ImportedProfile as ImportedProfileSchema } from "./users.contract.ts";
import type { ProfileDocument } from "./users.store.ts";

type ImportedProfile = z.output<typeof ImportedProfileSchema>;

/** Profiles that are changed at the same time, where they are changed one by one. */
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
    const attempt = randomUUID();
    const fresh = profiles
      .filter(({ user_id }) => !known.has(user_id))
      .map((profile) => documentOf(profile, attempt));
    const { inserted } = await this.#profiles.insertMany(fresh);
    const made = fresh.slice(0, inserted);
    // Who made the others meanwhile is another import of the same.
    if (inserted < fresh.length) throw unavailable();
    const { having, refused } = await this.#claims.takeWished(made, "nickname");
    const taken = new Set(made.map(({ _id }) => _id).filter((id) => refused.has(id)));
    const settle = async (profile: ImportedProfile) => {
      const { user_id, nickname } = profile;
      if (known.has(user_id)) await this.#amend(profile);
      if (nickname === undefined || having.has(user_id) || refused.has(user_id)) return;
      if (!(await this.#name(user_id, nickname))) taken.add(user_id);
    };
    for (let i = 0; i < profiles.length; i += WIDTH) {
      await Promise.all(profiles.slice(i, i + WIDTH).map(settle));
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
  async #name(id: UserId, nickname: string): Promise<boolean> {
    const profile = await this.#profiles.findById(id);
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

const documentOf = (
  { user_id, nickname, created_at, ...fields }: ImportedProfile,
  attempt: string,
): ProfileDocument => ({
  _id: user_id,
  ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  created_at: created_at ?? Date.now(),
  ...(nickname === undefined
    ? {}
    : { wish: { field: "nickname", value: nickname, attempt, at: Date.now() } }),
});

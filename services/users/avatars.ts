/** Uploaded avatars: which photo is a user's, and that the one before goes. */
import { failedPrecondition, notFound } from "../../lib/errors.ts";
import type { PhotoId, UserId } from "../../lib/ids.ts";
import type { Collection, Filter } from "../../mixins/collection/collection.ts";
import { owe, type PublishOwed, payDebts, sweepDebts } from "../../mixins/durable-events/debts.ts";
import type { ProfileDocument } from "./users.store.ts";

const ATTEMPTS = 5;

export class Avatars {
  readonly #profiles: Collection<ProfileDocument>;
  readonly #publish: PublishOwed;
  readonly #forget: (id: UserId) => Promise<void>;

  /** @param forget what is cached of a profile */
  constructor(
    profiles: Collection<ProfileDocument>,
    publish: PublishOwed,
    forget: (id: UserId) => Promise<void>,
  ) {
    this.#profiles = profiles;
    this.#publish = publish;
    this.#forget = forget;
  }

  /** @throws NOT_FOUND, FAILED_PRECONDITION */
  async set(user: UserId, photo: PhotoId): Promise<void> {
    await this.#replace(user, photo);
  }

  /** @returns what it was. @throws NOT_FOUND also where there is none, FAILED_PRECONDITION */
  async remove(user: UserId): Promise<PhotoId> {
    const removed = await this.#replace(user, undefined);
    if (!removed) throw notFound("You have no avatar.");
    return removed;
  }

  async holds(user: UserId, photo: PhotoId): Promise<boolean> {
    return (await this.#profiles.findById(user))?.avatar === photo;
  }

  /** The photo is gone. Can be repeated. */
  async drop(user: UserId, photo: PhotoId): Promise<void> {
    const dropped = await this.#profiles.updateOne(
      { _id: user, avatar: photo },
      { $unset: { avatar: true } },
    );
    if (dropped) await this.#forget(user);
  }

  sweep(olderThan: number): Promise<void> {
    return sweepDebts(this.#profiles, olderThan, this.#publish);
  }

  /** @returns the photo before */
  async #replace(user: UserId, photo: PhotoId | undefined): Promise<PhotoId | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const profile = await this.#profiles.findById(user);
      if (!profile) throw notFound("There is no such user.");
      const { avatar: old } = profile;
      if (old === photo) return old;
      const { $set = {}, ...pushed } = old ? released(user, old) : {};
      const unchanged: Filter<ProfileDocument> = { _id: user, avatar: old ?? null };
      const changed = await this.#profiles.findOneAndUpdate(unchanged, {
        ...pushed,
        $set: { ...$set, ...(photo ? { avatar: photo } : {}) },
        ...(photo ? {} : { $unset: { avatar: true } }),
      });
      if (!changed) continue;
      await this.#forget(user);
      // What is still owed the sweep sends.
      await payDebts(this.#profiles, changed, this.#publish).catch(() => {});
      return old;
    }
    throw failedPrecondition("Your avatar was changed by another request meanwhile.");
  }
}

const released = (user_id: UserId, photo_id: PhotoId) =>
  owe({ event: "image.released", payload: { photo_id, user_id } });

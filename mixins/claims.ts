/**
 * Values that must be unique and may be absent, or move from one owner to another: usernames, emails, nicknames. Each is
 * claimed by a document of its own, whose `_id` is the normalized value. (A unique index would not do: where the field is
 * absent, one absent value clashes with another.)
 *
 * An owner takes a value in this order, so that a crash at any point leaves what the sweep can tell apart:
 *   1. the owner's document names the value as wanted, with the id of this attempt;
 *   2. the claim is inserted, with the attempt's id: here one of two owners loses;
 *   3. compare-and-set turns the wanted value into the value;
 *   4. the claim on the old value goes.
 * A claim is never adopted by a later attempt, not even its own owner's.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { alreadyExists, DuplicateKey, failedPrecondition } from "../lib/errors.ts";
import { claimEach } from "./claiming-many.ts";
import { type Collection, defineCollection, type Filter, type Update } from "./collection/collection.ts";

export interface Claim {
  /** `<field>:<normalized value>` */
  _id: string;
  owner: string;
  attempt: string;
  /** Since when it is open whether the owner has the value (milliseconds since 1970); absent when the owner has it. */
  open_since?: number;
}

export interface Claimant {
  _id: string;
  wish?: Wish;
}

/** @property at milliseconds since 1970 */
interface Wish {
  field: string;
  value: string;
  attempt: string;
  at: number;
}

/** Longer than a request lasts as a rule. */
const YOUNG_MS = 5_000;
const ATTEMPTS = 10;
const PAUSE_MS = 60;

export const claimCollection = (name: string) =>
  defineCollection<Claim>({ name, indexes: [{ fields: ["open_since"] }] });

/** What claims are compared by: two spellings of one value clash. */
const claimId = (field: string, value: string) => `${field}:${value.toLowerCase()}`;

/** What is said where another owner has the value. */
export const taken = (field: string) =>
  alreadyExists(`This ${field} is taken.`, { errors: [{ path: field, message: "is taken" }] });

const isSame = (field: string, held: unknown, value: string): boolean =>
  typeof held === "string" && claimId(field, held) === claimId(field, value);

export class Claims<D extends Claimant> {
  readonly #owners: Collection<D>;
  readonly #claims: Collection<Claim>;

  constructor(owners: Collection<D>, claims: Collection<Claim>) {
    this.#owners = owners;
    this.#claims = claims;
  }

  /** Who has a value, or is about to: the caller looks whether that owner really has it. */
  async ownerOf(field: string, value: string): Promise<string | undefined> {
    return (await this.#claims.findById(claimId(field, value)))?.owner;
  }

  /**
   * Gives a value to an owner, and frees the one that it takes the place of.
   * @param owner as it was read; the change happens only if the field still is as it says
   * @param also what changes together with the value
   * @returns the owner's document afterwards
   * @throws ALREADY_EXISTS where another owner has the value; FAILED_PRECONDITION where the field was changed meanwhile
   */
  async take(owner: D, field: keyof D & string, value: string, also: Update<D> = {}): Promise<D> {
    let current = owner;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const settled = await this.#attempt(current, field, value, also);
      if (settled) return settled;
      // Another request of the same owner is under way, or was faster.
      await sleep(PAUSE_MS * (0.5 + Math.random()));
      const now = await this.#owners.findById(owner._id);
      if (!now || (now[field] !== owner[field] && !isSame(field, now[field], value))) break;
      current = now;
    }
    throw failedPrecondition("This was changed by another request meanwhile. Look at it, and try again.");
  }

  /** @returns undefined where another request of the same owner is in the way */
  async #attempt(owner: D, field: keyof D & string, value: string, also: Update<D>): Promise<D | undefined> {
    const old = owner[field] as string | undefined;
    const unchanged = { _id: owner._id, [field]: old ?? null, "wish.attempt": owner.wish?.attempt ?? null };
    if (isSame(field, old, value)) return this.#settle(unchanged, field, value, also);
    // An older wish is that of a request which ended without taking it back.
    if (owner.wish && Date.now() - owner.wish.at < YOUNG_MS) return undefined;
    const wish = { field, value, attempt: randomUUID(), at: Date.now() };
    const update = { $set: { wish } } as unknown as Update<D>;
    if (!(await this.#owners.updateOne(unchanged as Filter<D>, update))) return undefined;
    const claim = await this.#insert(owner._id, wish);
    if (!claim) return undefined;
    // From here on it is open which of the two values the owner has.
    const oldClaim = old === undefined ? null : await this.#reopen(owner._id, field, old);
    const mine = { _id: owner._id, [field]: old ?? null, "wish.attempt": wish.attempt };
    try {
      const settled = await this.#settle(mine, field, value, also);
      if (!settled) {
        await this.#resolve(claim);
        return undefined;
      }
      await this.#close(claim);
      if (oldClaim) await this.#claims.deleteOne({ _id: oldClaim._id, attempt: oldClaim.attempt });
      return settled;
    } catch (error) {
      await this.#resolve(claim);
      throw error;
    }
  }

  /**
   * Claims a value for owners whose documents have it already and that nobody sees yet, as those of accounts that are being
   * imported: they become visible when all of it is theirs, or go. So nothing is open meanwhile. Can be repeated.
   * @param owners at most 1000
   * @returns the `_id`s of those whose value is another's
   */
  async claimHeld(owners: D[], field: keyof D & string): Promise<Set<string>> {
    const having = owners.filter((owner) => owner[field] !== undefined);
    const held = await claimEach(
      this.#claims,
      having.map(({ _id: owner, [field]: value }) => ({
        _id: claimId(field, String(value)),
        ...{ owner, attempt: randomUUID() },
      })),
    );
    return new Set(having.map(({ _id }) => _id).filter((_, i) => held[i]?.owner !== having[i]?._id));
  }

  /**
   * As `take`, for new owners whose documents came with a wish. In one attempt, which all of the wishes name.
   * @param owners at most 1000
   * @returns the `_id`s of those who have the value now, and of those whose value is another's. Of the rest an earlier attempt may
   *   be in the way
   */
  async takeWished(
    owners: D[],
    field: keyof D & string,
  ): Promise<{ having: Set<string>; refused: Set<string> }> {
    const having = new Set<string>();
    const refused = new Set<string>();
    const open: Claim[] = owners.flatMap(({ _id: owner, wish }) =>
      wish?.field === field
        ? [{ _id: claimId(field, wish.value), owner, attempt: wish.attempt, open_since: wish.at }]
        : [],
    );
    const held = await claimEach(this.#claims, open);
    await Promise.all(
      open.map(async (claim, i) => {
        const { owner, attempt } = claim;
        const wish = owners.find(({ _id }) => _id === owner)?.wish;
        if (held[i]?.attempt === attempt && held[i]?.owner === owner && wish) {
          const mine = { _id: owner, [field]: null, "wish.attempt": attempt };
          if (await this.#settle(mine, field, wish.value, {})) having.add(owner);
          else await this.#resolve(claim);
        } else {
          await this.#strike(owner, attempt);
          if (held[i]?.owner !== owner) refused.add(owner);
        }
      }),
    );
    // Nobody signs in as these yet, who could change it meanwhile.
    const _id = { $in: open.filter(({ owner }) => having.has(owner)).map(({ _id }) => _id) };
    await this.#claims.updateMany({ _id, attempt: open[0]?.attempt ?? "" }, { $unset: { open_since: true } });
    return { having, refused };
  }

  /**
   * Ends what an earlier attempt to give the owner this value left half done, without waiting for the sweep. Should that attempt
   * still be under way, it fails.
   * @returns the owner's document afterwards
   */
  async endLeft(owner: D, field: keyof D & string, value: string): Promise<D> {
    const claim = isSame(field, owner[field], value)
      ? null
      : await this.#claims.findById(claimId(field, value));
    if (claim?.owner === owner._id) await this.#resolve(claim);
    else if (owner.wish) await this.#strike(owner._id, owner.wish.attempt);
    else return owner;
    return (await this.#owners.findById(owner._id)) ?? owner;
  }

  /** Frees all values of an owner that goes. Can be repeated. */
  async releaseAll(owner: D, fields: (keyof D & string)[]): Promise<void> {
    for (const field of fields) {
      const values = [owner[field] as string | undefined, wished(owner, field)];
      for (const value of values) {
        if (value !== undefined)
          await this.#claims.deleteOne({ _id: claimId(field, value), owner: owner._id });
      }
    }
  }

  /**
   * Closes what crashes left open.
   * @param before milliseconds since 1970: younger attempts may still be under way
   */
  async sweep(before: number): Promise<void> {
    const open = await this.#claims.find(
      { open_since: { $lt: before } },
      { sort: { open_since: 1 }, limit: 100 },
    );
    for (const claim of open) await this.#resolve(claim);
  }

  /** @returns undefined where the owner itself has a claim on the value: of another attempt, so not this one's to use */
  async #insert(owner: string, { field, value, attempt }: Wish): Promise<Claim | undefined> {
    try {
      return await this.#claims.insert({
        _id: claimId(field, value),
        owner,
        attempt,
        open_since: Date.now(),
      });
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      await this.#strike(owner, attempt);
      if ((await this.ownerOf(field, value)) === owner) return undefined;
      throw taken(field);
    }
  }

  /** Unless another attempt of the same owner opened it again meanwhile. */
  #close({ _id, attempt, open_since }: Claim) {
    return this.#claims.updateOne({ _id, attempt, open_since }, { $unset: { open_since: true } });
  }

  #reopen(owner: string, field: string, value: string): Promise<Claim | null> {
    return this.#claims.findOneAndUpdate(
      { _id: claimId(field, value), owner },
      { $set: { open_since: Date.now() } },
    );
  }

  async #settle(filter: object, field: string, value: string, also: Update<D>): Promise<D | undefined> {
    const update = {
      ...also,
      $set: { ...also.$set, [field]: value },
      $unset: { ...also.$unset, wish: true },
    };
    const settled = await this.#owners.findOneAndUpdate(filter as Filter<D>, update as unknown as Update<D>);
    return settled ?? undefined;
  }

  /** Takes a wish back, so that the attempt can no longer succeed. */
  #strike(owner: string, attempt: string) {
    const wish = { _id: owner, "wish.attempt": attempt } as unknown as Filter<D>;
    return this.#owners.updateOne(wish, { $unset: { wish: true } } as unknown as Update<D>);
  }

  /** Keeps a claim whose owner has the value, and frees it otherwise. Only by its attempt: it may be another's by now. */
  async #resolve(claim: Claim): Promise<void> {
    const { _id, owner: ownerId, attempt } = claim;
    await this.#strike(ownerId, attempt);
    const owner = await this.#owners.findById(ownerId);
    const field = _id.slice(0, _id.indexOf(":"));
    const has = (owner as Record<string, unknown> | null)?.[field];
    if (typeof has !== "string" || claimId(field, has) !== _id) {
      await this.#claims.deleteOne({ _id, attempt });
    } else if (owner?.wish?.field !== field) {
      // With another wish for the field, this value may be on its way out: then it stays open.
      await this.#close(claim);
    }
  }
}

const wished = (owner: Claimant, field: string) =>
  owner.wish?.field === field ? owner.wish.value : undefined;

/**
 * Password hashes: bcrypt over a SHA-384 of the password in base64 (64 characters), since bcrypt alone ignores what
 * follows its 72nd byte. Accounts that were imported from older systems have bcrypt of the password itself, until their next
 * sign-in: those hashes are kept with a mark in front.
 */
import { createHash, randomBytes } from "node:crypto";
import bcrypt from "bcrypt";
import { z } from "zod";
import { resourceExhausted } from "./errors.ts";

/** 8 to 128 characters; nothing is trimmed or normalized. */
export const PasswordSchema = z.string().min(8).max(128);

/** bcrypt's own form. `$2x$` marks hashes of a faulty implementation. A cost above 16 would take minutes. */
export const BcryptHashSchema = z
  .string()
  .regex(
    /^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$/,
    "must be a bcrypt hash ($2a$, $2b$ or $2y$) of cost 4 to 16",
  );

const BARE = "bare:";

/** How another system's hash is kept: of the password as it is, without a SHA-384. `$2y$` is PHP's name for `$2b$`. */
export const bareHash = (bcryptHash: string): string => `${BARE}${bcryptHash.replace(/^\$2y\$/, "$2b$")}`;

const isBare = (hash: string): boolean => hash.startsWith(BARE);
const bcryptOf = (hash: string): string => (isBare(hash) ? hash.slice(BARE.length) : hash);

const digest = (password: string) => createHash("sha384").update(password, "utf8").digest("base64");

/** Of libuv's four threads, which also write files: a flood of sign-ins must leave some to everything else. */
const AT_ONCE = 2;
/** Each takes a quarter of a second, so the last in the queue is answered before its request's deadline. */
const MAX_WAITING = 24;

export class Passwords {
  readonly #cost: number;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];
  /** A hash that no password has, of the same cost: what is compared when there is no account. */
  #nobody: Promise<string> | undefined;

  /** @param cost bcrypt's: each step doubles the time; 12 takes about a quarter of a second */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** @throws RESOURCE_EXHAUSTED */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => bcrypt.hash(digest(password), this.#cost));
  }

  /**
   * Takes as long for an absent hash as for a wrong password, so that the time doesn't tell which accounts exist; also where
   * the hash is an imported one, or of a lower cost than today's. One of a higher cost takes longer, until the next sign-in.
   * @param hash undefined where there is no such account
   * @throws RESOURCE_EXHAUSTED
   */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    this.#nobody ??= bcrypt.hash(randomBytes(32).toString("hex"), this.#cost);
    const nobody = await this.#nobody;
    const compared = await this.#inTurn(() => this.#compare(password, hash ?? nobody));
    return compared && hash !== undefined;
  }

  async #compare(password: string, hash: string): Promise<boolean> {
    const given = isBare(hash) ? password : digest(password);
    if (await bcrypt.compare(given, bcryptOf(hash))) return true;
    // Each cost takes twice the one before: these and the comparison come to what one of today's cost takes.
    for (let cost = bcrypt.getRounds(bcryptOf(hash)); cost < this.#cost; cost += 1)
      await bcrypt.hash(given, cost);
    return false;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= AT_ONCE) {
      if (this.#waiting.length >= MAX_WAITING) {
        throw resourceExhausted("Too many sign in at the moment. Try again shortly.", 2);
      }
      // Whoever is done hands over its place.
      await new Promise<void>((turn) => this.#waiting.push(turn));
    } else {
      this.#underWay += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#underWay -= 1;
    }
  }

  /** Whether a hash was made with another cost than today's, or by another system, and is to be made anew at the next sign-in. */
  isOutdated(hash: string): boolean {
    return isBare(hash) || bcrypt.getRounds(hash) !== this.#cost;
  }
}

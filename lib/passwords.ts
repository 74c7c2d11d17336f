/**
 * Password hashes: bcrypt over a SHA-384 of the password in base64 (64 characters), since bcrypt alone ignores what
 * follows its 72nd byte.
 */
import { createHash } from "node:crypto";
import bcrypt from "bcrypt";
import { z } from "zod";

/** 8 to 128 characters; nothing is trimmed or normalized. */
export const PasswordSchema = z.string().min(8).max(128);

const digest = (password: string) => createHash("sha384").update(password, "utf8").digest("base64");

export class Passwords {
  readonly #cost: number;
  /** A hash that no password has, of the same cost: what is compared when there is no account. */
  #nobody: Promise<string> | undefined;

  /** @param cost bcrypt's: each step doubles the time; 12 takes about a quarter of a second */
  constructor(cost: number) {
    this.#cost = cost;
  }

  hash(password: string): Promise<string> {
    return bcrypt.hash(digest(password), this.#cost);
  }

  /**
   * Takes as long for an absent hash as for a wrong password, so that the time doesn't tell which accounts exist.
   * @param hash undefined where there is no such account
   */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    this.#nobody ??= this.hash(createHash("sha256").update(`${process.pid}.${Math.random()}`).digest("hex"));
    const compared = await bcrypt.compare(digest(password), hash ?? (await this.#nobody));
    return compared && hash !== undefined;
  }

  /** Whether a hash was made with another cost than today's, and is to be made anew at the next sign-in. */
  isOutdated(hash: string): boolean {
    return bcrypt.getRounds(hash) !== this.#cost;
  }
}

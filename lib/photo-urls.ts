/**
 * URLs that show a photo without a token, for a while: `/v1/photos/<id>?size=&exp=&sig=`. An `<img>` sends no token, so what
 * services answer carries these. Whoever has one sees the photo until it ends; it says nothing about who asked for it.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { PhotoId } from "./ids.ts";

export const PHOTO_SIZES = ["thumb", "full"] as const;
export type PhotoSize = (typeof PHOTO_SIZES)[number];

/** 128 bits are out of reach of guessing, and keep the URL short. */
const SIGNATURE_BYTES = 16;

interface Settings {
  /** `REFRESH_SECRET`, from which the key of the signatures is derived; signatures under the previous one are good too. */
  REFRESH_SECRET?: string | undefined;
  REFRESH_SECRET_PREVIOUS?: string | undefined;
  PHOTO_URL_TTL_S: number;
  PUBLIC_URL?: string | undefined;
}

export class PhotoUrls {
  readonly #keys: Buffer[];
  readonly #window: number;
  readonly #base: string;

  constructor({ REFRESH_SECRET = "", REFRESH_SECRET_PREVIOUS, PHOTO_URL_TTL_S, PUBLIC_URL = "" }: Settings) {
    const secrets = [REFRESH_SECRET, ...(REFRESH_SECRET_PREVIOUS ? [REFRESH_SECRET_PREVIOUS] : [])];
    this.#keys = secrets.map((secret) => Buffer.from(hkdfSync("sha256", secret, "", "veche photo urls", 32)));
    this.#window = Math.ceil(PHOTO_URL_TTL_S / 2);
    this.#base = PUBLIC_URL.replace(/\/$/, "");
  }

  /**
   * Good for at least half of `PHOTO_URL_TTL_S` and at most all of it. The same for half of it, so that browsers cache.
   * @param now milliseconds since 1970
   */
  of(id: PhotoId, size: PhotoSize, now = Date.now()): string {
    const exp = (Math.floor(now / 1_000 / this.#window) + 2) * this.#window;
    const sig = this.#sign(this.#keys[0] ?? Buffer.alloc(0), id, size, exp);
    return `${this.#base}/v1/photos/${id}?size=${size}&exp=${exp}&sig=${sig}`;
  }

  /** Whether the URL was made here, for this size of this photo, and has not ended. @param exp seconds since 1970 */
  isGood(id: PhotoId, size: PhotoSize, exp: number, sig: string, now = Date.now()): boolean {
    // Their text, for decoding is lenient: one photo would have many URLs.
    const given = Buffer.from(sig);
    const matches = this.#keys.map((key) => {
      const expected = Buffer.from(this.#sign(key, id, size, exp));
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    return matches.includes(true) && now < exp * 1_000;
  }

  #sign(key: Buffer, id: PhotoId, size: PhotoSize, exp: number): string {
    const whole = createHmac("sha256", key).update(`${id}.${size}.${exp}`).digest();
    return whole.subarray(0, SIGNATURE_BYTES).toString("base64url");
  }
}

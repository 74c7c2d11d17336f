/** What the photo service and its decoder say to each other. */
import type { Format } from "./images.ts";

export interface DecodeRequest {
  id: number;
  /** Paths: what to read, and where the two sizes go. */
  source: string;
  full: string;
  thumb: string;
  /** What the first bytes said. */
  format: Format;
  /** Of all frames together. */
  maxPixels: number;
}

/** Of an animation, width and height are those of a frame. */
export interface Decoded {
  format: Format;
  width: number;
  height: number;
  full_bytes: number;
  thumb_bytes: number;
}

/** `refused` says to the uploader what is wrong with the image, `failed` to the operator what is wrong with the machine. */
export type DecodeAnswer = { id: number } & ({ decoded: Decoded } | { refused: string } | { failed: string });
/** The decoder's first word. */
export const READY = "ready";

/** Of an animation. */
export const MAX_FRAMES = 500;
/** Pixels. One pixel wide and millions high takes many times as long as a square. No WebP is larger either. */
export const MAX_SIDE = 16_383;
/** Seconds that libvips may work on one size: a little less than both may take together. */
export const WORK_WITHIN_S = 14;

export const BROKEN = "The image is broken: it can't be decoded.";
export const TOO_SLOW = "The image takes too long to decode.";
export const tooManyPixels = (max: number) =>
  `The image has more than ${max % 1_000_000 === 0 ? `${max / 1_000_000} megapixels` : `${max} pixels`}.`;

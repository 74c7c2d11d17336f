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

/** `refused` says to the uploader what is wrong with the image. */
export type DecodeAnswer = { id: number } & ({ decoded: Decoded } | { refused: string });

/** Of an animation. */
export const MAX_FRAMES = 500;
/** Seconds that libvips may work on one size. */
export const WORK_WITHIN_S = 15;

export const BROKEN = "The image is broken: it can't be decoded.";
export const TOO_SLOW = "The image takes too long to decode.";
export const tooManyPixels = (max: number) =>
  `The image has more than ${max % 1_000_000 === 0 ? `${max / 1_000_000} megapixels` : `${max} pixels`}.`;

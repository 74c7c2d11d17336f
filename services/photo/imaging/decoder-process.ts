/**
 * The decoder: a process of its own, which the photo service forks. It turns what was uploaded into what is kept. What a hostile
 * image does to it ends with it, and so does the memory that a large one takes: up to a gigabyte for 50 megapixels.
 */
import sharp, { type Metadata, type Sharp, type SharpOptions } from "sharp";
import type { Format } from "./images.ts";
import {
  BROKEN,
  type DecodeAnswer,
  type Decoded,
  type DecodeRequest,
  MAX_FRAMES,
  MAX_SIDE,
  READY,
  TOO_SLOW,
  tooManyPixels,
  WORK_WITHIN_S,
} from "./protocol.ts";

/** Pixels on the longer side, at most. */
const THUMB_SIZE = 320;

/** Says to the uploader what is wrong. */
class Refusal extends Error {}

sharp.cache(false);
sharp.concurrency(1);
// Whatever else libvips could open: SVG, PDF, TIFF … is never looked at.
sharp.block({ operation: ["VipsForeignLoad"] });
const LOADERS = ["JpegFile", "PngFile", "WebpFile", "NsgifFile"];
sharp.unblock({ operation: LOADERS.map((name) => `VipsForeignLoad${name}`) });

/** Nothing of the original but its pixels is written: no EXIF, no comment, no colour profile, no trailing bytes. */
const ENCODE: Record<Format, (image: Sharp) => Sharp> = {
  jpeg: (image) => image.jpeg({ quality: 82 }),
  png: (image) => image.png({ compressionLevel: 6 }),
  webp: (image) => image.webp({ quality: 82, effort: 2 }),
  gif: (image) => image.gif({ effort: 2 }),
};

async function decode(request: DecodeRequest): Promise<Decoded> {
  const { source, full, thumb, format, maxPixels } = request;
  const options: SharpOptions = { failOn: "error", limitInputPixels: maxPixels, sequentialRead: true };
  const metadata = await sharp(source, { ...options, limitInputPixels: false }).metadata();
  check(metadata, format, maxPixels);
  const animated = (metadata.pages ?? 1) > 1;
  // Turning it upright needs all of its pixels at once, so only where it is not. An animation is shown as it is, and its frames
  // could not be turned one by one.
  const turned = !animated && (metadata.orientation ?? 1) > 1;
  const open = (more: SharpOptions = {}) => {
    const image = sharp(source, { ...options, ...more }).timeout({ seconds: WORK_WITHIN_S });
    return turned ? image.autoOrient() : image;
  };
  const kept = await ENCODE[format](open({ animated })).toFile(full);
  const small = await open()
    .resize(THUMB_SIZE, THUMB_SIZE, { fit: "inside", withoutEnlargement: true })
    .webp({ quality: 80, effort: 2 })
    .toFile(thumb);
  return {
    format,
    width: kept.width,
    height: kept.pageHeight ?? kept.height,
    full_bytes: kept.size,
    thumb_bytes: small.size,
  };
}

function check({ format, width, height, pages = 1 }: Metadata, said: Format, maxPixels: number): void {
  if (format !== said) throw new Refusal(BROKEN);
  if (pages > MAX_FRAMES) throw new Refusal(`The image has more than ${MAX_FRAMES} frames.`);
  if (Math.max(width, height) > MAX_SIDE) {
    throw new Refusal(`The image is more than ${MAX_SIDE} pixels wide or high.`);
  }
  if (width * height * pages > maxPixels) throw new Refusal(tooManyPixels(maxPixels));
}

process.on("message", (request: DecodeRequest) => {
  const answer = (what: DecodeAnswer) => process.send?.(what);
  decode(request).then(
    (decoded) => answer({ id: request.id, decoded }),
    (error: Error) => answer({ id: request.id, ...failureOf(error) }),
  );
});
process.send?.(READY);
// The photo service is gone, in whatever way.
process.on("disconnect", () => process.exit(0));

/** What the system refuses to libvips, such as room on the disk. Where it names no reason, libvips itself gave up. */
const OF_THE_SYSTEM = /(?:system error: (?!Unknown)|Input file is missing: ).*/;

function failureOf(error: Error): { refused: string } | { failed: string } {
  if (error instanceof Refusal) return { refused: error.message };
  if (/timeout/i.test(error.message)) return { refused: TOO_SLOW };
  const [failed] = OF_THE_SYSTEM.exec(error.message) ?? [];
  return failed === undefined ? { refused: BROKEN } : { failed };
}

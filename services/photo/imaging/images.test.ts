import { expect, test } from "@jest/globals";
import { jpeg, noise } from "../../../test/support/images.ts";
import { formatOf, pixelsOf } from "./images.ts";

const FORMATS = ["jpeg", "png", "webp", "gif"] as const;

test.each(FORMATS)("a %s tells what it is and how large", async (format) => {
  const image = await noise(123, 45).toFormat(format).toBuffer();
  expect([formatOf(image), pixelsOf(image, format)]).toEqual([format, 123 * 45]);
});

test("so do a WebP without loss, one with an alpha channel, a progressive JPEG and one with much in front", async () => {
  for (const options of [{ lossless: true }, { quality: 50 }]) {
    const image = noise(300, 200).ensureAlpha(0.5).webp(options);
    expect(pixelsOf(await image.toBuffer(), "webp")).toBe(60_000);
  }
  expect(pixelsOf(await noise(300, 200).jpeg({ progressive: true }).toBuffer(), "jpeg")).toBe(60_000);
  const image = await jpeg(300, 200);
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0x40, 0x02]), Buffer.alloc(0x4000, 0xff)]);
  expect(pixelsOf(Buffer.concat([image.subarray(0, 2), comment, image.subarray(2)]), "jpeg")).toBe(60_000);
});

test.each(FORMATS)("of a %s that is cut off anywhere nothing wrong is told", async (format) => {
  const image = await noise(64, 32).toFormat(format).toBuffer();
  for (let length = 0; length < Math.min(image.length, 700); length += 1) {
    const head = image.subarray(0, length);
    expect([undefined, format]).toContain(formatOf(head));
    expect([undefined, 64 * 32]).toContain(pixelsOf(head, format));
  }
});

test("what is none of them is none", () => {
  for (const text of [
    "",
    "GIF",
    "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "II*\0aaaaaaaaaaaaaaaa",
    "%PDF-1.7 ..........",
  ]) {
    expect(formatOf(Buffer.from(text))).toBeUndefined();
  }
});

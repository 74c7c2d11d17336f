/** What an image is, told by its first bytes, before anything decodes it. */

export const CONTENT_TYPES = {
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
} as const;
export type Format = keyof typeof CONTENT_TYPES;

/** Bytes that tell the format, if it is one of ours. */
export const MAGIC_LENGTH = 12;

const latin1 = (bytes: Buffer, from: number, to: number) => bytes.toString("latin1", from, to);

/** @returns undefined for what is none of the four */
export function formatOf(head: Buffer): Format | undefined {
  if (head.length < MAGIC_LENGTH) return undefined;
  if (latin1(head, 0, 3) === "\xff\xd8\xff") return "jpeg";
  if (latin1(head, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (latin1(head, 0, 4) === "RIFF" && latin1(head, 8, 12) === "WEBP") return "webp";
  if (/^GIF8[79]a/.test(latin1(head, 0, 6))) return "gif";
  return undefined;
}

/**
 * How many pixels an image says that it has, so that one which is too large is refused while it still arrives. Only a first
 * look: the decoder looks again.
 * @param head the first bytes of the image, thousands of them
 * @returns undefined where they don't tell
 */
export function pixelsOf(head: Buffer, format: Format): number | undefined {
  try {
    if (format === "png") return head.readUInt32BE(16) * head.readUInt32BE(20);
    if (format === "gif") return head.readUInt16LE(6) * head.readUInt16LE(8);
    return format === "webp" ? pixelsOfWebp(head) : pixelsOfJpeg(head);
  } catch {
    // They end before it is said.
    return undefined;
  }
}

/** The container's specification: https://developers.google.com/speed/webp/docs/riff_container */
function pixelsOfWebp(head: Buffer): number | undefined {
  const chunk = latin1(head, 12, 16);
  if (chunk === "VP8X") return (head.readUIntLE(24, 3) + 1) * (head.readUIntLE(27, 3) + 1);
  if (chunk === "VP8 ") return (head.readUInt16LE(26) & 0x3fff) * (head.readUInt16LE(28) & 0x3fff);
  if (chunk !== "VP8L") return undefined;
  const bits = head.readUInt32LE(21);
  return ((bits & 0x3fff) + 1) * (((bits >>> 14) & 0x3fff) + 1);
}

/** Goes from marker to marker (ITU T.81, annex B) to the frame header. */
function pixelsOfJpeg(head: Buffer): number | undefined {
  let at = 2;
  for (;;) {
    if (head.readUInt8(at) !== 0xff) return undefined;
    const marker = head.readUInt8(at + 1);
    // SOF0 to SOF15 but for DHT, JPG and DAC, which are among them.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return head.readUInt16BE(at + 5) * head.readUInt16BE(at + 7);
    at += 2 + head.readUInt16BE(at + 2);
  }
}

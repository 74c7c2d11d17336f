/** Answers the bytes of a photo as HTTP knows it: ranges, validators, HEAD (RFC 9110), at the pace of who reads. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { call, type ResultOf } from "../../../lib/contract.ts";
import { READ_CHUNK } from "../../photo/photo.contract.ts";
import { HttpError } from "../problem.ts";
import type { RoutedRequest } from "./endpoint.ts";

type Found = ResultOf<"v1.photo.readPhoto">;

/** Of whole bytes, both included. */
interface Range {
  first: number;
  last: number;
}

/** Milliseconds that a client may take to make room for the next chunk. */
const DRAIN_WITHIN_MS = 60_000;

/** @param timeout milliseconds for each chunk */
export async function answerBytes(
  req: RoutedRequest,
  res: ServerResponse,
  found: Found,
  timeout: number,
): Promise<void> {
  const { photo_id, size, content_type, bytes } = found;
  const etag = `"${photo_id}.${size}"`;
  const headers = {
    ETag: etag,
    // The bytes of an id never change.
    "Cache-Control": "private, max-age=31536000, immutable",
  };
  if (matches(req.headers["if-none-match"], etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  const { range, "if-range": ifRange } = req.headers;
  // Ranges are of GET alone.
  const isPart = req.method === "GET" && (ifRange === undefined || ifRange === etag);
  const part = isPart ? rangeOf(range, bytes) : undefined;
  const { first, last } = part ?? { first: 0, last: bytes - 1 };
  const read = async (offset: number, most = READ_CHUNK): Promise<Buffer> => {
    const length = Math.min(most, last - offset + 1);
    const chunk = await call(req.$ctx, "v1.photo.readChunk", { photo_id, size, offset, length }, { timeout });
    const buffer = typeof chunk.bytes === "string" ? Buffer.from(chunk.bytes, "base64") : chunk.bytes;
    if (buffer.length !== length) throw new Error(`The photo ${photo_id} is shorter than it should be.`);
    return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
  };
  // Before the head says that all is well. HEAD wants to know only whether they can be read.
  const start = await read(first, req.method === "HEAD" ? 1 : READ_CHUNK);
  if (res.destroyed) return;
  res.writeHead(part ? 206 : 200, {
    ...headers,
    "Accept-Ranges": "bytes",
    "Content-Type": content_type,
    "Content-Length": last - first + 1,
    ...(part ? { "Content-Range": `bytes ${first}-${last}/${bytes}` } : {}),
    // To be shown by a page, and never to be one.
    "Content-Disposition": `attachment; filename="${photo_id}.${content_type.slice("image/".length)}"`,
    "Cross-Origin-Resource-Policy": "cross-origin",
  });
  if (req.method === "HEAD") {
    res.end();
    return;
  }
  // From here on the client sets the pace: each chunk has a deadline, the whole has none.
  req.$ctx.options.timeout = 0;
  await send(res, start, { first, last }, read);
}

/** One chunk ahead of the client, no more. */
async function send(
  res: ServerResponse,
  start: Buffer,
  { first, last }: Range,
  read: (offset: number) => Promise<Buffer>,
): Promise<void> {
  let next: Promise<Buffer> | undefined = Promise.resolve(start);
  let offset = first;
  while (next && !res.destroyed) {
    const chunk: Buffer = await next;
    offset += chunk.length;
    next = offset <= last ? read(offset) : undefined;
    // Awaited in the next round, or by nobody where the client has gone.
    next?.catch(() => {});
    if (!res.write(chunk)) await drained(res);
  }
  res.end();
}

async function drained(res: ServerResponse): Promise<void> {
  const settled = new AbortController();
  const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(DRAIN_WITHIN_MS)]);
  try {
    await Promise.race([once(res, "drain", { signal }), once(res, "close", { signal })]);
  } catch {
    res.destroy();
  } finally {
    settled.abort();
  }
}

/** Weak comparison: `W/` does not count. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((each) => ["*", etag].includes(each.trim().replace(/^W\//, "")));
}

/**
 * A single range of bytes. Several are answered with the whole, as is what is no range.
 * @returns undefined for the whole
 * @throws 416 where nothing of it is there
 */
export function rangeOf(header: string | undefined, bytes: number): Range | undefined {
  const [, from = "", to = ""] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const first = from === "" ? Math.max(0, bytes - Number(to)) : Number(from);
  const last = from === "" || to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (from !== "" && to !== "" && Number(from) > Number(to)) return undefined;
  if (first >= bytes) {
    throw new HttpError("RANGE_NOT_SATISFIABLE", `There are only ${bytes} bytes.`, {
      "Content-Range": `bytes */${bytes}`,
    });
  }
  return { first, last };
}

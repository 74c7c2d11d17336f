/**
 * Reads a form with one file while it arrives. The file goes on in chunks: while one is on its way the next is gathered, and then
 * nothing is read until the first was taken. So no more than a few hundred kilobytes of it are here at any time, however fast the
 * client or slow the other side.
 */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import busboy, { type Busboy } from "busboy";
import { invalidArgument } from "../../lib/errors.ts";
import { HttpError } from "./problem.ts";

/** Takes the chunks of a file, one after the other. */
export interface FileSink {
  /** @returns bytes of a chunk, at least 64 KiB */
  begin(): Promise<number>;
  write(chunk: Buffer): Promise<void>;
}

export interface FormLimits {
  /** Bytes of the file. */
  maxBytes: number;
  /** Milliseconds for the whole form. */
  total: number;
  /** Milliseconds without any of it. */
  idle: number;
}

export interface Form {
  fields: Record<string, string>;
  hasFile: boolean;
}

const MAX_FIELDS = 20;
const MAX_FIELD = 64 * 1024;
/** Bytes of all that is not the file. */
const OVERHEAD = MAX_FIELDS * MAX_FIELD;

export const isForm = ({ headers }: IncomingMessage): boolean =>
  /^multipart\/form-data\s*(?:;|$)/i.test(headers["content-type"] ?? "");

/**
 * @param field the name of the file in the form
 * @throws 400, 408, 413, 415, and what the sink throws
 */
export function readForm(
  req: IncomingMessage,
  field: string,
  sink: FileSink,
  limits: FormLimits,
): Promise<Form> {
  if (Number(req.headers["content-length"] ?? 0) > limits.maxBytes + OVERHEAD) {
    return Promise.reject(tooLarge(limits.maxBytes));
  }
  const parser = parserOf(req);
  return new Promise((resolve, reject) => {
    const form: Form = { fields: {}, hasFile: false };
    let received: Promise<void> = Promise.resolve();
    let idle: NodeJS.Timeout | undefined;
    const settle = (outcome: () => void) => {
      clearTimeout(total);
      clearTimeout(idle);
      req.off("data", onBytes).off("close", onClose);
      outcome();
    };
    const fail = (error: unknown) =>
      settle(() => {
        req.unpipe(parser);
        parser.destroy();
        // What still comes is thrown away, so that a client which reads only after it has sent sees the answer.
        req.resume();
        reject(error);
      });
    let came = 0;
    const onBytes = (bytes: Buffer) => {
      came += bytes.length;
      // Of parts, and of what is around them: the parser reads on and on in front of the first.
      if (came > limits.maxBytes + OVERHEAD) fail(tooLarge(limits.maxBytes));
      else alive();
    };
    const alive = () => {
      clearTimeout(idle);
      idle = setTimeout(() => fail(tooSlow()), limits.idle);
    };
    const onClose = () => {
      if (!req.complete) fail(invalidArgument("The body ended too early."));
    };
    const total = setTimeout(() => fail(tooSlow()), limits.total);
    alive();

    parser.on("file", (name, file) => {
      // Where nobody reads it at that moment, its end with the parser would end the process.
      file.on("error", () => {});
      if (name !== field || form.hasFile) {
        file.resume();
        return fail(refused(name, form.hasFile ? "only one file is taken" : "unknown file"));
      }
      form.hasFile = true;
      received = receive(file, sink, limits, alive);
      received.catch(fail);
    });
    parser.on("field", (name, value, { nameTruncated, valueTruncated }) => {
      if (nameTruncated || valueTruncated) return fail(refused(name, "is too long"));
      if (name === field) return fail(refused(name, "must be a file"));
      if (Object.hasOwn(form.fields, name)) return fail(refused(name, "is given more than once"));
      Object.defineProperty(form.fields, name, { value, enumerable: true });
    });
    const tooMany = () => fail(invalidArgument("The form has too many parts."));
    parser.on("partsLimit", tooMany).on("fieldsLimit", tooMany);
    parser.on("error", () => fail(malformed()));
    parser.on("close", () => received.then(() => settle(() => resolve(form)), fail));
    req.on("data", onBytes).on("close", onClose);
    req.pipe(parser);
  });
}

function parserOf({ headers }: IncomingMessage): Busboy {
  try {
    return busboy({
      headers,
      defParamCharset: "utf8",
      limits: { fields: MAX_FIELDS, fieldSize: MAX_FIELD, fieldNameSize: 100, parts: MAX_FIELDS + 2 },
    });
  } catch {
    throw malformed();
  }
}

async function receive(
  file: Readable,
  sink: FileSink,
  { maxBytes }: FormLimits,
  alive: () => void,
): Promise<void> {
  const chunkSize = await sink.begin();
  let parts: Buffer[] = [];
  let held = 0;
  let total = 0;
  let taken: Promise<void> = Promise.resolve();
  /** One chunk is on its way while the next is gathered. */
  const flush = async () => {
    if (held === 0) return;
    const [only] = parts;
    const chunk = only && parts.length === 1 ? only : Buffer.concat(parts, held);
    parts = [];
    held = 0;
    await taken;
    // The time that the other side took is not the client's.
    alive();
    taken = sink.write(chunk);
    // Awaited with the next one.
    taken.catch(() => {});
  };
  for await (const part of file as AsyncIterable<Buffer>) {
    total += part.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    // Only the last chunk is shorter: the first must tell what the file is, however little of it came at first.
    let rest = part;
    while (held + rest.length > chunkSize) {
      const room = chunkSize - held;
      parts.push(rest.subarray(0, room));
      held = chunkSize;
      rest = rest.subarray(room);
      await flush();
    }
    parts.push(rest);
    held += rest.length;
  }
  await flush();
  await taken;
}

const malformed = () => invalidArgument("The body is not a well-formed multipart/form-data.");
const tooSlow = () =>
  new HttpError("REQUEST_TIMEOUT", "The body took too long to arrive.", { Connection: "close" });
const tooLarge = (max: number) =>
  new HttpError("PAYLOAD_TOO_LARGE", `The file must not be larger than ${max} bytes.`);
const refused = (path: string, message: string) =>
  invalidArgument(`${path}: ${message}`, [{ path, message }]);

/** Photos as objects of a Google Cloud Storage bucket, under `<namespace>/photos/`. */
import { EventEmitter } from "node:events";
import { type Bucket, type File, IdempotencyStrategy, Storage } from "@google-cloud/storage";
import { CircuitBreaker } from "../../../lib/circuit-breaker.ts";
import { hasCode, isVecheError, notFound, unavailable } from "../../../lib/errors.ts";
import type { PhotoId } from "../../../lib/ids.ts";
import { PHOTO_SIZES, type PhotoSize } from "../../../lib/photo-urls.ts";
import { fileName, gather, type PhotoStorage, type Stored } from "./storage.ts";

interface Options {
  bucket: string;
  /** Of an emulator, which asks for no credentials; else those of the environment are used. */
  endpoint?: string | undefined;
  namespace: string;
  warn(message: string): void;
}

/** Milliseconds for one operation with its retries; a write has bytes to carry. Others end within a request's deadline. */
const WITHIN_MS = 4_000;
const WRITE_WITHIN_MS = 12_000;
const ATTEMPT_MS = 3_500;
const RETRIES = 2;
const FAILURES = 3;
const OPEN_FOR_MS = 3_000;
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 412;
const RANGE_NOT_SATISFIABLE = 416;

// The library has a dozen listeners on each download, and Node would warn of it each time.
EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);

const codeOf = (error: unknown) => Number((error as { code?: unknown } | null)?.code);

export class GcsStorage implements PhotoStorage {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #breaker: CircuitBreaker;
  readonly #warn: Options["warn"];

  constructor({ bucket, endpoint, namespace, warn }: Options) {
    const storage = new Storage({
      ...(endpoint === undefined ? {} : { apiEndpoint: endpoint, projectId: "veche" }),
      timeout: ATTEMPT_MS,
      retryOptions: {
        autoRetry: true,
        maxRetries: RETRIES,
        maxRetryDelay: 1,
        totalTimeout: WRITE_WITHIN_MS / 1_000,
        // What is written under a name is always the same.
        idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      },
    });
    // Where the library finds STORAGE_EMULATOR_HOST in the environment too, it leaves the path out.
    if (endpoint !== undefined) storage.baseUrl = `${endpoint.replace(/\/$/, "")}/storage/v1`;
    this.#bucket = storage.bucket(bucket);
    this.#prefix = `${namespace}/photos/`;
    this.#warn = warn;
    this.#breaker = new CircuitBreaker({
      failures: FAILURES,
      openFor: OPEN_FOR_MS,
      isFailure: (error) => !isVecheError(error) || error.type === "UNAVAILABLE",
      onChange: (open) =>
        warn(open ? "The bucket fails: it is spared for a while." : "The bucket works again."),
    });
  }

  async put(id: PhotoId, size: PhotoSize, file: string, contentType: string): Promise<void> {
    const options = {
      destination: this.#file(id, size),
      // In one request: the resumable protocol is for what is larger by far.
      resumable: false,
      metadata: { contentType, cacheControl: "private, no-store" },
    };
    await this.#run(() => this.#bucket.upload(file, options), WRITE_WITHIN_MS);
  }

  async read(id: PhotoId, size: PhotoSize, offset: number, length: number): Promise<Buffer> {
    const [bytes] = await this.#run(() =>
      this.#file(id, size)
        .download({ start: offset, end: offset + length - 1, validation: false })
        .catch((error: unknown): [Buffer] => {
          if (codeOf(error) === RANGE_NOT_SATISFIABLE) return [Buffer.alloc(0)];
          throw error;
        }),
    );
    return bytes;
  }

  async remove(id: PhotoId): Promise<void> {
    for (const size of PHOTO_SIZES) {
      await this.#run(() => this.#file(id, size).delete({ ignoreNotFound: true }));
    }
  }

  async list(after: string, limit: number): Promise<Stored[]> {
    const maxResults = PHOTO_SIZES.length * limit + 1;
    const [files] = await this.#run(() =>
      this.#bucket.getFiles({
        prefix: this.#prefix,
        // Behind all sizes of that photo: `/` comes after `.`.
        startOffset: `${this.#prefix}${after === "" ? "" : `${after}/`}`,
        maxResults,
        autoPaginate: false,
      }),
    );
    const photos = gather(
      files.map(({ name, metadata: { updated } }) => ({
        name: name.slice(this.#prefix.length),
        written_at: updated === undefined ? Date.now() : Date.parse(String(updated)),
      })),
    );
    // Of the last one, some sizes may be on the next page.
    return files.length === maxResults ? photos.slice(0, Math.max(1, photos.length - 1)) : photos;
  }

  async readMark(): Promise<string | undefined> {
    try {
      const [text] = await this.#run(() => this.#mark.download());
      // Whoever copies it by hand may end it with a line break.
      return text.toString().trim();
    } catch (error) {
      if (hasCode(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }

  async writeMark(mark: string): Promise<void> {
    await this.#run(() =>
      this.#mark
        .save(mark, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })
        .catch((error: unknown) => {
          if (codeOf(error) !== PRECONDITION_FAILED) throw error;
        }),
    );
  }

  close(): void {}

  get #mark(): File {
    return this.#bucket.file(`${this.#prefix}mark`);
  }

  #file(id: PhotoId, size: PhotoSize): File {
    return this.#bucket.file(`${this.#prefix}${fileName(id, size)}`);
  }

  /** @throws NOT_FOUND, UNAVAILABLE */
  #run<T>(operation: () => Promise<T>, within = WITHIN_MS): Promise<T> {
    return this.#breaker.run(async () => {
      let timer: NodeJS.Timeout | undefined;
      const tooLate = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${within} ms`)), within);
      });
      try {
        return await Promise.race([operation(), tooLate]);
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) throw notFound("There is no such photo.");
        this.#warn(`The bucket did not do what it was asked for: ${(error as Error).message}`);
        throw unavailable();
      } finally {
        clearTimeout(timer);
      }
    });
  }
}

/** Brings the file of a form to the photo service while it arrives. */
import type { Context } from "moleculer";
import { call, type Meta } from "../../../lib/contract.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { KEEP_WITHIN_MS, LOCAL_CHUNK, nodeOf, UPLOAD_CHUNK } from "../../photo/photo.contract.ts";
import type { Gateway } from "../gateway.ts";
import { type FileSink, readForm } from "../multipart.ts";
import type { RoutedRequest } from "./endpoint.ts";
import type { Sources } from "./params.ts";
import type { FileInput } from "./route.ts";

const IDLE_MS = 15_000;

/** Sends each chunk when the one before was acknowledged, so that the slower side sets the pace. */
class Upload implements FileSink {
  id: string | undefined;
  /** What was asked for last. */
  #latest: Promise<unknown> = Promise.resolve();
  #aborted = false;
  readonly #ctx: Context<unknown, Meta>;
  readonly #timeout: number;
  readonly #formats: FileInput["formats"];
  #seq = 0;

  /** @param timeout milliseconds for each step */
  constructor(ctx: Context<unknown, Meta>, timeout: number, formats: FileInput["formats"]) {
    this.#ctx = ctx;
    this.#formats = formats;
    this.#timeout = timeout;
  }

  async begin(): Promise<number> {
    await this.#ask(async () => {
      const wanted = this.#formats ? { formats: [...this.#formats] } : {};
      const { upload } = await call(this.#ctx, "v1.photo.beginUpload", wanted, { timeout: this.#timeout });
      this.id = upload;
    });
    return this.#local ? LOCAL_CHUNK : UPLOAD_CHUNK;
  }

  async write(chunk: Buffer): Promise<void> {
    const upload = this.id ?? "";
    const nodeID = nodeOf(upload);
    const bytes = this.#local ? chunk : chunk.toString("base64");
    const seq = this.#seq++;
    await this.#ask(() =>
      call(this.#ctx, "v1.photo.writeChunk", { upload, seq, bytes }, { nodeID, timeout: this.#timeout }),
    );
  }

  /** Whether it goes into a file by this process. */
  get #local(): boolean {
    return nodeOf(this.id ?? "") === this.#ctx.broker.nodeID;
  }

  /** Where this fails, the photo service gives it up by itself. */
  async abort(): Promise<void> {
    this.#aborted = true;
    await this.#latest.catch(() => {});
    if (this.id === undefined) return;
    const { broker, meta } = this.#ctx;
    const where = { nodeID: nodeOf(this.id), timeout: this.#timeout, meta };
    await call(broker, "v1.photo.abortUpload", { upload: this.id }, where).catch(() => {});
  }

  /** Nothing new once it is aborted: what is wrong with a form may show while a chunk is on its way. */
  async #ask(step: () => Promise<unknown>): Promise<void> {
    if (this.#aborted) throw invalidArgument("The upload was aborted.");
    this.#latest = step();
    await this.#latest;
  }
}

/**
 * @param use gets the form, its file as an upload. If it fails, nothing is left of the upload
 * @throws what is wrong with the form, and what `use` throws
 */
export async function withUpload<T>(
  req: RoutedRequest,
  { config }: Pick<Gateway, "config">,
  { field, formats }: Pick<FileInput, "field" | "formats">,
  use: (form: NonNullable<Sources["form"]>) => Promise<T>,
): Promise<T> {
  const ctx = req.$ctx;
  const { UPLOAD_TIMEOUT_MS, PHOTO_MAX_BYTES, REQUEST_TIMEOUT_MS } = config;
  // Longer than other requests get: it arrives at the client's pace, and is then decoded.
  ctx.options.timeout = UPLOAD_TIMEOUT_MS + KEEP_WITHIN_MS;
  const upload = new Upload(ctx, REQUEST_TIMEOUT_MS, formats);
  const limits = { maxBytes: PHOTO_MAX_BYTES, total: UPLOAD_TIMEOUT_MS, idle: IDLE_MS };
  // Who has gone needs no photo: where it still waits to be decoded, it waits no more.
  const onGone = () => void upload.abort();
  try {
    const { fields } = await readForm(req, field, upload, limits);
    req.socket.once("close", onGone);
    return await use({ fields, upload: upload.id });
  } catch (error) {
    await upload.abort();
    throw error;
  } finally {
    req.socket.off("close", onGone);
  }
}

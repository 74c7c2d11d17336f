// A Veche of its own for tests of photos, with its files, and two who are signed in.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";
import { type Embedded, startEmbedded } from "./embedded.ts";
import { clientOf, type SignedUp, signUp } from "./http.ts";
import { upload } from "./images.ts";

export interface Photo {
  id: string;
  user_id: string;
  content_type: string;
  width: number;
  height: number;
  size: number;
  url: string;
  thumb_url: string;
}

export const bearer = (user: SignedUp) => ({ authorization: `Bearer ${user.accessToken}` });

interface Photos {
  veche: Embedded;
  directory: string;
  ann: SignedUp;
  bob: SignedUp;
}

/** Starts it before the tests of a file, and ends it after them. What it returns is filled in by then. */
export function photosOfOne() {
  const one = {} as Photos;
  beforeAll(async () => {
    one.directory = mkdtempSync(join(tmpdir(), "veche-photo-test-"));
    one.veche = await startEmbedded({ DATA_DIR: one.directory, STALE_AFTER_MS: "2000" });
    const { baseUrl } = one.veche;
    [one.ann, one.bob] = [await signUp(baseUrl), await signUp(baseUrl)];
  });
  afterAll(async () => {
    await one.veche.stop();
    rmSync(one.directory, { recursive: true, force: true });
  });
  return Object.assign(one, {
    api: clientOf(() => one.veche.baseUrl),

    /** The files of photos, and of uploads under way. */
    files: () =>
      existsSync(join(one.directory, "photos"))
        ? readdirSync(join(one.directory, "photos"), { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile() && entry.name !== "mark")
            .map(({ name }) => name)
            .sort()
        : [],

    /** By Ann. */
    post: (image: Buffer, options: Parameters<typeof upload>[3] = {}) =>
      upload<Photo & { detail: string; errors?: { path: string }[] }>(
        one.veche.baseUrl,
        one.ann,
        image,
        options,
      ),

    fetchBytes: async (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const answer = await fetch(`${one.veche.baseUrl}${path}`, { method, headers });
      return {
        status: answer.status,
        headers: answer.headers,
        bytes: Buffer.from(await answer.arrayBuffer()),
      };
    },
  });
}

// Images as users and as enemies make them, and how they are uploaded.
import sharp, { type Sharp } from "sharp";
import type { Answer, SignedUp } from "./http.ts";
import { expectDocumented } from "./openapi.ts";

/** Noise, so that it can't be compressed to nothing. */
export const noise = (width: number, height: number): Sharp =>
  sharp({
    create: {
      ...{ width, height, channels: 3, background: "#888" },
      noise: { type: "gaussian", mean: 128, sigma: 40 },
    },
  }).toColourspace("srgb");

export const jpeg = (width = 64, height = 48): Promise<Buffer> => noise(width, height).jpeg().toBuffer();

/** Takes its time to arrive where `body` is a stream. */
export async function upload<T = Record<string, unknown>>(
  baseUrl: string,
  user: SignedUp | undefined,
  image: Buffer,
  {
    path = "/v1/me/photos",
    method = "POST",
    field = path.endsWith("photos") ? "photo" : "image",
    filename = "photo.jpg",
    type = "image/jpeg",
    fields = {},
  }: {
    path?: string;
    method?: string;
    field?: string;
    filename?: string;
    type?: string;
    fields?: Record<string, string>;
  } = {},
): Promise<Answer<T>> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append(field, new Blob([new Uint8Array(image)], { type }), filename);
  const answer = await fetch(`${baseUrl}${path}`, {
    method,
    headers: user ? { authorization: `Bearer ${user.accessToken}` } : {},
    body: form,
    signal: AbortSignal.timeout(60_000),
  });
  const { status, headers } = answer;
  const body = (await answer.json()) as T;
  await expectDocumented(baseUrl, method, path, { status, headers, body });
  return { status, headers, body };
}

export const setAvatar = (baseUrl: string, user: SignedUp, image: Buffer) =>
  upload(baseUrl, user, image, { path: "/v1/me/avatar", method: "PUT" });

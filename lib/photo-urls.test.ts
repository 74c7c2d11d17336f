import { expect, test } from "@jest/globals";
import { newPhotoId } from "./ids.ts";
import { PhotoUrls } from "./photo-urls.ts";

const SECRET = "the secret of the tests, which is long";
const settings = { REFRESH_SECRET: SECRET, PHOTO_URL_TTL_S: 3_600 };
const id = newPhotoId();
const NOW = Date.UTC(2026, 0, 1, 12, 20);
const MINUTE = 60_000;

const partsOf = (url: string): [number, string] => {
  const { searchParams } = new URL(url, "http://veche");
  return [Number(searchParams.get("exp")), String(searchParams.get("sig"))];
};

test("a URL is good for half of its time to all of it, and stays the same for half", () => {
  const urls = new PhotoUrls(settings);
  const url = urls.of(id, "thumb", NOW);
  expect(url).toMatch(/^\/v1\/photos\/\d{16}\?size=thumb&exp=\d+&sig=[\w-]{22}$/);
  const [exp, sig] = partsOf(url);
  expect(urls.isGood(id, "thumb", exp, sig, NOW + 30 * MINUTE)).toBe(true);
  expect(urls.isGood(id, "thumb", exp, sig, NOW + 60 * MINUTE)).toBe(false);
  expect(urls.of(id, "thumb", NOW + 9 * MINUTE)).toBe(url);
  expect(urls.of(id, "thumb", NOW + 11 * MINUTE)).not.toBe(url);
});

test("a signature is for one photo, size and end", () => {
  const urls = new PhotoUrls(settings);
  const [exp, sig] = partsOf(urls.of(id, "thumb", NOW));
  const good = (...[photo, size, end, signature]: Parameters<PhotoUrls["isGood"]>) =>
    urls.isGood(photo, size, end, signature, NOW);
  expect(good(id, "thumb", exp, sig)).toBe(true);
  expect(good(newPhotoId(), "thumb", exp, sig)).toBe(false);
  expect(good(id, "full", exp, sig)).toBe(false);
  expect(good(id, "thumb", exp + 1, sig)).toBe(false);
  // Of its last digit four bits say nothing.
  const alike = `${sig.slice(0, -1)}${({ A: "B", Q: "R", g: "h", w: "x" } as Record<string, string>)[sig.slice(-1)]}`;
  expect(Buffer.from(alike, "base64url")).toEqual(Buffer.from(sig, "base64url"));
  for (const wrong of ["", "A", sig.slice(0, -2), `${sig}AA`, "☃", alike, `${sig}!!`, `${sig}=`, `${sig}\n`])
    expect(good(id, "thumb", exp, wrong)).toBe(false);
});

test("the secret can be changed without breaking the URLs that are out", () => {
  const [exp, sig] = partsOf(new PhotoUrls(settings).of(id, "full", NOW));
  const changed = { ...settings, REFRESH_SECRET: `${SECRET}!` };
  expect(new PhotoUrls(changed).isGood(id, "full", exp, sig, NOW)).toBe(false);
  const both = new PhotoUrls({ ...changed, REFRESH_SECRET_PREVIOUS: SECRET });
  expect(both.isGood(id, "full", exp, sig, NOW)).toBe(true);
  // A process that was not yet changed, and was told which secret comes.
  const before = new PhotoUrls({ ...settings, REFRESH_SECRET_PREVIOUS: `${SECRET}!` });
  const [newExp, newSig] = partsOf(both.of(id, "full", NOW));
  expect(before.isGood(id, "full", newExp, newSig, NOW)).toBe(true);
});

test("URLs are absolute where it is known where clients reach Veche", () => {
  const urls = new PhotoUrls({ ...settings, PUBLIC_URL: "https://veche.example/" });
  expect(urls.of(id, "full")).toMatch(/^https:\/\/veche\.example\/v1\/photos\//);
});

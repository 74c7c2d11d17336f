import { expect, test } from "@jest/globals";
import { isOwnOrigin } from "./credentials.ts";

const from = (headers: Record<string, string>, PUBLIC_URL?: string) =>
  isOwnOrigin({ headers }, { CORS_ORIGIN: ["https://other.example"], PUBLIC_URL });

test.each<[string, string, boolean]>([
  ["https://veche.example", "internal:3000", true],
  ["https://veche.example:443", "internal:3000", true],
  ["https://other.example", "internal:3000", true],
  ["http://veche.example", "veche.example", false],
  ["https://veche.example:8443", "veche.example", false],
  ["http://internal:3000", "internal:3000", false],
  ["null", "veche.example", false],
])("with PUBLIC_URL: %s asking %s", (origin, host, own) => {
  expect(from({ origin, host }, "https://veche.example/")).toBe(own);
});

test.each<[string, string, boolean]>([
  ["http://localhost:3000", "localhost:3000", true],
  ["https://veche.example", "veche.example", true],
  ["https://veche.example", "veche.example:443", true],
  ["http://veche.example:80", "veche.example", true],
  ["http://veche.example", "veche.example:80", true],
  ["http://veche.example", "veche.example:443", false],
  ["https://evil.example", "veche.example", false],
  ["null", "veche.example", false],
])("without PUBLIC_URL: %s asking %s", (origin, host, own) => {
  expect(from({ origin, host })).toBe(own);
});

test("without an origin, a browser may still say that the page is of another site", () => {
  const host = "veche.example";
  expect(from({ host })).toBe(true);
  expect(from({ host, "sec-fetch-site": "cross-site" })).toBe(false);
  for (const site of ["same-origin", "none"]) expect(from({ host, "sec-fetch-site": site })).toBe(true);
});

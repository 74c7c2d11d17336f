import { expect, test } from "@jest/globals";
import { matches, rangeOf } from "./bytes.ts";

test.each<[string, [number, number] | undefined]>([
  ["bytes=0-0", [0, 0]],
  ["bytes=5-", [5, 99]],
  ["bytes=5-1000", [5, 99]],
  ["bytes=-5", [95, 99]],
  ["bytes=-1000", [0, 99]],
  ["BYTES=1-2", [1, 2]],
  ["bytes=2-1", undefined],
  ["bytes=-", undefined],
  ["bytes=0-1,3-4", undefined],
  ["bytes=a-b", undefined],
  ["bytes=99999999999999999999-", undefined],
  ["items=0-1", undefined],
  ["", undefined],
])("%s of 100 bytes", (header, expected) => {
  const range = rangeOf(header, 100);
  expect(range && [range.first, range.last]).toEqual(expected);
});

test.each(["bytes=100-", "bytes=100-200", "bytes=-0"])("%s of 100 bytes is not there", (header) => {
  expect(() => rangeOf(header, 100)).toThrow("only 100 bytes");
});

test("a validator matches itself, weak or strong, and `*` any", () => {
  for (const header of ['"a"', 'W/"a"', '"b", "a"', "*"]) expect(matches(header, '"a"')).toBe(true);
  for (const header of ['"b"', "a", "", undefined]) expect(matches(header, '"a"')).toBe(false);
});

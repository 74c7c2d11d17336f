import { expect, test } from "@jest/globals";
import { decodeCursor, encodeCursor, toPage } from "./cursors.ts";
import { isVecheError } from "./errors.ts";

test("a cursor brings back the key it was made of, for the same list only", () => {
  const cursor = encodeCursor("friends", "key.1");
  expect(decodeCursor("friends", cursor)).toBe("key.1");
  expect(() => decodeCursor("chats", cursor)).toThrow("not one of this list");
});

test.each([
  "",
  "x",
  "!!!",
  "bnVsbA",
  Buffer.from("[1,2]").toString("base64url"),
  Buffer.from('["a"]').toString("base64url"),
])("garbage is an invalid argument: %j", (garbage) => {
  let thrown: unknown;
  try {
    decodeCursor("friends", garbage);
  } catch (error) {
    thrown = error;
  }
  expect(isVecheError(thrown) && thrown.code).toBe(400);
});

test("a page has a next cursor only where there is more", () => {
  expect(toPage("l", ["a", "b", "c"], 2, (row) => row)).toEqual({
    items: ["a", "b"],
    next_cursor: encodeCursor("l", "b"),
  });
  expect(toPage("l", ["a", "b"], 2, (row) => row)).toEqual({ items: ["a", "b"], next_cursor: null });
  expect(toPage("l", [], 2, (row) => row)).toEqual({ items: [], next_cursor: null });
});

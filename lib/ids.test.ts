import { expect, test } from "@jest/globals";
import {
  ConversationIdSchema,
  idTime,
  isRoom,
  newDirectChatId,
  newRoomId,
  newUserId,
  UserIdSchema,
} from "./ids.ts";

test("ids are 16 digits, distinct, and fit a JSON number exactly", () => {
  const ids = Array.from({ length: 20_000 }, newUserId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9]{16}$/);
    expect(Number.isSafeInteger(Number(id))).toBe(true);
  }
});

test("an id tells when it was made", () => {
  const before = Date.now();
  const id = newUserId();
  // More than 2,048 within a millisecond borrow from the next ones.
  expect(idTime(id)).toBeGreaterThanOrEqual(before);
  expect(idTime(id)).toBeLessThan(before + 1_000);
});

test("the last bit of a conversation's id says whether it is a room", () => {
  for (let i = 0; i < 100; i += 1) {
    expect(isRoom(newRoomId())).toBe(true);
    expect(isRoom(newDirectChatId())).toBe(false);
  }
});

test("an id is taken with and without its leading zeros, and kept with them", () => {
  expect(UserIdSchema.parse("42")).toBe("0000000000000042");
  expect(ConversationIdSchema.parse("0000000000000042")).toBe("0000000000000042");
});

test.each(["", "x", "-1", "1.5", "1e3", " 1", "00000000000000001", "9007199254740992", "９"])(
  "%j is no id",
  (text) => {
    expect(UserIdSchema.safeParse(text).success).toBe(false);
  },
);

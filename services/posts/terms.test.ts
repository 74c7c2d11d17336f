import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { termsOf, wantedOf, wordsOf } from "./terms.ts";

/** As an index would tell. */
const finds = (query: string, text: string): boolean => {
  const terms = new Set(termsOf(text));
  const wanted = wantedOf(query);
  return wanted.length > 0 && wanted.every((some) => some.some((term) => terms.has(term)));
};

describe("words are the same word", () => {
  test.each([
    ["Лес", "лесу"],
    ["прогулка", "прогулками"],
    ["walking", "walks"],
    ["ёлка", "елка"],
    ["ЁЛКИ", "елка"],
    ["Straße", "STRASSE"],
    ["ﬁnd", "find"],
    ["ｖｅｃｈｅ", "veche"],
    ["café", "café"],
    ["σοφός", "ΣΟΦΌΣ"],
    ["вече２０２５", "вече2025"],
    ["東京", "東京"],
  ])("%s and %s", (one, other) => {
    // Not the last word of the query, which could be a beginning.
    expect([finds(`${one} veche`, `${other}, veche`), finds(`${other} veche`, `veche ${one}!`)]).toEqual([
      true,
      true,
    ]);
  });
});

test.each([
  ["a word in the middle of another", "ход", "пароход"],
  ["a beginning that is not the last word", "паро лес", "пароход в лесу"],
  ["one word of two", "лес река", "лес"],
  ["what is no word", "!!! 👋 —", "!!! 👋 — лес"],
  ["nothing in what has no words", "лес", "!!!"],
])("a query does not find %s", (_what, query, text) => {
  expect(finds(query, text)).toBe(false);
});

test.each([
  ["the beginning of the last word", "лес паро", "пароход в лесу"],
  ["a beginning of two letters", "па", "пароход"],
  ["a whole word of one letter", "x", "x y"],
  ["one that is longer than beginnings are kept, by its first 20", `${"а".repeat(20)}б`, "а".repeat(30)],
  ["words without their stop words", "и лес же", "лес"],
  ["stop words, where there are no others", "the and", "and so the end"],
  ["the beginning of a word that is a stop word by itself", "по", "пароход по лесу"],
  ["a word of more than 64 letters, by its first 64", `${"b".repeat(64)}x word`, `${"b".repeat(80)} word`],
])("a query finds %s", (_what, query, text) => {
  expect(finds(query, text)).toBe(true);
});

test("a stop word at the end does not count, be it a beginning or not", () => {
  expect(wantedOf("лес по")).toEqual([["лес"]]);
});

test("every word of any text finds it, and so does each of its beginnings from two letters on", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
      for (const word of wordsOf(text)) {
        expect([word, finds(word, text), finds(word.toUpperCase(), text)]).toEqual([word, true, true]);
        const letters = Array.from(word);
        if (letters.length > 3) expect(finds(letters.slice(0, 3).join(""), text)).toBe(true);
      }
      for (const term of termsOf(text)) expect(term.isWellFormed()).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("the terms of the longest text are some thousands", () => {
  const worst = Array.from({ length: 240 }, (_, i) => `${String(i).padStart(3, "0")}${"ж".repeat(17)}`).join(
    " ",
  );
  expect(worst.length).toBeLessThanOrEqual(5_040);
  expect(termsOf(worst).length).toBeLessThan(5_000);
});

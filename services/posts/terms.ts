/**
 * The words of posts and of queries, normalized alike, and the terms by which an index finds the one for the other: a word's
 * stem, and how the word begins, for the last word of a query, which may not be typed to its end yet.
 */
import { stemmer as english } from "@orama/stemmers/english";
import { stemmer as russian } from "@orama/stemmers/russian";
import { eng, rus } from "stopword";

/** Characters of a word; what follows does not count. */
const LONGEST_WORD = 64;
/** Characters of a beginning. One letter begins too many words to be of use. */
const SHORTEST_START = 2;
const LONGEST_START = 20;

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const CYRILLIC = /\p{Script=Cyrillic}/u;
const LATIN = /[a-z]/;
/** Ends the term of a beginning. No word contains it. */
const START = "*";

/** As Unicode folds case, which is more than to lower it (`Straße` and `STRASSE`); and `ё` is written `е` by many. */
const normalize = (text: string): string =>
  text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC").replaceAll("ё", "е");

const STOP_WORDS: ReadonlySet<string> = new Set([...eng, ...rus].map(normalize));

/** The distinct words, normalized, in their order. */
export const wordsOf = (text: string): string[] => [
  ...new Set(Array.from(normalize(text).matchAll(WORD), ([word]) => cut(word, LONGEST_WORD))),
];

export const isStopWord = (word: string): boolean => STOP_WORDS.has(word);

/** By its alphabet: Russian, or English, or as it is. */
export function stemOf(word: string): string {
  if (CYRILLIC.test(word)) return russian(word) || word;
  return LATIN.test(word) ? english(word) || word : word;
}

/** What a post of this text is found by. Stop words too, for a query may have no others; but not by how they begin. */
export function termsOf(text: string): string[] {
  const terms = new Set<string>();
  for (const word of wordsOf(text)) {
    terms.add(stemOf(word));
    if (isStopWord(word)) continue;
    const characters = Array.from(word).slice(0, LONGEST_START);
    for (let length = SHORTEST_START; length <= characters.length; length += 1) {
      terms.add(characters.slice(0, length).join("") + START);
    }
  }
  return [...terms];
}

/**
 * What a query asks for: of each entry, a post must have one of the terms. Stop words do not count where there are others. The
 * last word, if it counts, may be the beginning of one.
 */
export function wantedOf(query: string): string[][] {
  const words = wordsOf(query);
  const telling = words.filter((word) => !isStopWord(word));
  const last = words.at(-1);
  return (telling.length > 0 ? telling : words).map((word) => {
    const begins = word === last && Array.from(word).length >= SHORTEST_START;
    return begins ? [stemOf(word), cut(word, LONGEST_START) + START] : [stemOf(word)];
  });
}

/** By characters: half of a pair of surrogates could not be kept. */
const cut = (word: string, length: number): string =>
  word.length <= length ? word : Array.from(word).slice(0, length).join("");

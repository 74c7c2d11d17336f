/** Texts that users write for others. */
import { z } from "zod";

/** Six bytes each in JSON: of texts that are full of them, a page would be more than NATS carries in one message. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** @param max UTF-16 units; at most three bytes each in JSON, but for quotes, backslashes and line ends, which are two */
export const textOf = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !CONTROL.test(text), "must not have control characters but tabs and line ends")
    // Half a surrogate pair can't be kept as UTF-8.
    .refine((text) => text.isWellFormed(), "must be well-formed Unicode");

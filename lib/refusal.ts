/** An error as a part of an answer: of several things that are asked for at once, some may be refused. */
import { z } from "zod";
import { type ErrorCode, isVecheError, STATUS, VecheError } from "./errors.ts";

export const Refusal = z.object({
  refused: z.object({
    code: z.enum(Object.keys(STATUS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    details: z.looseObject({}),
  }),
});

export type Refusal = z.output<typeof Refusal>;

/** What nobody foresaw becomes INTERNAL: to be logged where it happened. */
export function refusalOf(error: unknown): Refusal {
  if (!isVecheError(error)) return { refused: { code: "INTERNAL", message: "", details: {} } };
  return { refused: { code: error.type, message: error.message, details: error.data } };
}

/** Whether it is the system's trouble and not that of who asked. */
export const isOurs = ({ refused: { code } }: Refusal): boolean => STATUS[code] >= 500;

export const errorOf = ({ refused: { code, message, details } }: Refusal): VecheError =>
  new VecheError(code, message, details);

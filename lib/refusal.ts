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

/** @throws the error itself where nobody foresaw it: it is not of one of the things alone */
export function refusalOf(error: unknown): Refusal {
  if (!isVecheError(error)) throw error;
  return { refused: { code: error.type, message: error.message, details: error.data } };
}

export const errorOf = ({ refused: { code, message, details } }: Refusal): VecheError =>
  new VecheError(code, message, details);
